/**
 * What a reader found damaged, missing or unknown while it went on reading. Notes travel beside results, so that a
 * damaged exhibit gives what is readable and says what is not.
 */
export interface Note {
  /** `warning`: evidence is missing or damaged. `info`: something that a reader should know. */
  readonly severity: 'warning' | 'info';
  /** One sentence: what, and what it means for the reader. */
  readonly message: string;
  /** The archive entry that it is about. */
  readonly entry?: string | undefined;
  /** Offset in that entry, in bytes. */
  readonly offset?: number | undefined;
}
