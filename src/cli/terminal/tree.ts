import type { Line } from './line.ts';

/** A node of a tree: its own line, lines about it, and the nodes below. */
export interface TreeNode<Row> {
  readonly row: Row;
  readonly details: readonly Line[];
  readonly children: readonly TreeNode<Row>[];
}

/** One line of a drawn tree: `lead` stands before its text, `hang` before the lines that a long text goes on in. */
export interface TreeLine<Row> {
  /** Undefined on the lines that tell details. */
  readonly row: Row | undefined;
  readonly detail: Line | undefined;
  readonly lead: string;
  readonly hang: string;
}

/**
 * Draws the branches of a forest, depth first. The nesting comes from the archive and may be as deep as there are
 * processes, so this walks with a stack of its own; deeper than MAX_DRAWN_DEPTH the branches stop moving right.
 */
export function* drawForest<Row>(roots: readonly TreeNode<Row>[]): Generator<TreeLine<Row>> {
  const stack = roots.map((node) => ({ node, lead: '', hang: '', depth: 0 })).reverse();
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, lead, hang, depth } = top;
    const detailLead = `${hang}${node.children.length > 0 ? '│ ' : '  '}`;
    yield { row: node.row, detail: undefined, lead, hang: `${detailLead}  ` };
    for (const detail of node.details) {
      yield { row: undefined, detail, lead: `${detailLead}  `, hang: `${detailLead}    ` };
    }
    const base = depth < MAX_DRAWN_DEPTH ? hang : hang.slice(0, -3);
    for (const [index, child] of [...node.children.entries()].reverse()) {
      const isLast = index === node.children.length - 1;
      stack.push({
        node: child,
        lead: `${base}${isLast ? '└─ ' : '├─ '}`,
        hang: `${base}${isLast ? '   ' : '│  '}`,
        depth: depth + 1,
      });
    }
  }
}

/** Beyond this a terminal shows only branches; no honest container nests processes so deep. */
const MAX_DRAWN_DEPTH = 40;
