/** The bytes behind a value: an entry of the archive, an offset in that entry and a length, both in bytes. */
export interface SourceLocation {
  readonly entry: string;
  readonly offset: number;
  readonly length: number;
}
