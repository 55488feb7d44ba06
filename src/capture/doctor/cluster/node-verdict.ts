import type { Finding } from '../finding.ts';

/** What one check says of one node. */
export interface NodeVerdict extends Pick<Finding, 'status' | 'evidence' | 'cure'> {
  readonly node: string;
}

/** The names of so many nodes are told in a sentence; the JSON has all of them. */
const MAX_NAMES = 8;

/** Nodes of which a check says the same, as one finding: a cluster's nodes are mostly alike. */
export function findingsOf(
  about: Pick<Finding, 'id' | 'title'>,
  verdicts: readonly NodeVerdict[],
): readonly Finding[] {
  const alike = new Map<string, NodeVerdict[]>();
  for (const verdict of verdicts) {
    const { status, evidence, cure } = verdict;
    const key = JSON.stringify([status, evidence, cure]);
    alike.set(key, [...(alike.get(key) ?? []), verdict]);
  }
  return [...alike.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const { status, evidence, cure } = first;
    const nodes = [first, ...others].map(({ node }) => node);
    return [{ ...about, status, evidence: `${evidence} (${namesOf(nodes)})`, cure, nodes }];
  });
}

/** `node a`, `nodes a, b`, `nodes a, b, … and 12 more`. */
function namesOf(nodes: readonly string[]): string {
  const more = nodes.length > MAX_NAMES ? ` and ${nodes.length - MAX_NAMES} more` : '';
  return `node${nodes.length === 1 ? '' : 's'} ${nodes.slice(0, MAX_NAMES).join(', ')}${more}`;
}
