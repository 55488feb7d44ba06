import type { Change } from './change.ts';

/** What one check of a node or a cluster says. */
export interface Finding {
  /** Stable: scripts match on it. */
  readonly id: string;
  readonly title: string;
  /** `unknown`: it could not be looked at, and `evidence` says why. */
  readonly status: 'ok' | 'warning' | 'failure' | 'unknown';
  /** What was looked at and what it said. */
  readonly evidence: string;
  /** Commands to paste on the node, or lines for a file; empty where nothing is to be done. */
  readonly cure: readonly string[];
  /** In a cluster: the names of the nodes that it is about. */
  readonly nodes?: readonly string[];
  /** What `--fix` does about it; nothing where a person has to. */
  readonly fix?: readonly Change[];
}
