import type { PatternHit, RuleHit } from '../../analysis/yara/match-rules.ts';
import { formatCount } from '../terminal/format.ts';
import { type Line, renderLine, styled } from '../terminal/line.ts';
import { describeLocation } from './memory-hits.ts';

/** Matches of one rule that a person is shown, and characters of each. */
const MAX_SHOWN_MATCHES = 10;
const MAX_SHOWN_TEXT = 80;

/** A line for the rule and the region that it matched, and one for each pattern. */
export function renderRuleHit(hit: RuleHit, color: boolean): string {
  const rest = hit.matches.length - MAX_SHOWN_MATCHES;
  const lines: Line[] = [
    describeRule(hit),
    ...hit.matches.slice(0, MAX_SHOWN_MATCHES).map(describeMatch),
    ...(rest > 0 ? [[`    and ${formatCount(rest, 'match', 'matches')} more; --json shows them`]] : []),
  ];
  return lines.map((line) => `${renderLine(line, color)}\n`).join('');
}

function describeRule({ pid, comm, rule, tags, meta, region, shared_with: others }: RuleHit): Line {
  const { description } = meta;
  const about = typeof description === 'string' ? `: ${description}` : '';
  const tagged = tags.length === 0 ? '' : ` [${tags.join(' ')}]`;
  return [
    styled(rule, 'odd'),
    `${tagged}${about}  `,
    styled(`${pid} (${comm})`, 'name'),
    `  ${region.start}-${region.end.slice(2)}  ${region.permissions} ${region.name || region.kind}`,
    ...others.map((other) => `  also ${other.pid} (${other.comm}) ${other.address}`),
  ];
}

function describeMatch({ pattern, address, text, locations }: PatternHit): Line {
  const shown = text.length <= MAX_SHOWN_TEXT ? text : `${text.slice(0, MAX_SHOWN_TEXT)}…`;
  const place = locations.map(describeLocation).join(', ');
  return [`    ${address}  ${pattern}  `, styled(shown, 'odd'), '  ', styled(place, 'structure')];
}
