/** Compiled rules: YARA-X, or what a test puts in its place. */
export interface RuleEngine {
  /** Scans that it does at the same time. */
  readonly size: number;
  /** At most MAX_MATCHES_PER_PATTERN matches of each pattern. The bytes are only valid until the call returns its promise. */
  scan(bytes: Uint8Array): Promise<readonly RuleMatch[]>;
}

export interface RuleMatch {
  readonly rule: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, unknown>>;
  readonly matches: readonly PatternMatch[];
}

export interface PatternMatch {
  /** With its `$`. */
  readonly pattern: string;
  readonly offset: number;
  readonly length: number;
}

/** A pattern that is found everywhere says little, and each match costs memory. */
export const MAX_MATCHES_PER_PATTERN = 1000;
