import { firstIndex } from '../../bytes/binary-search.ts';
import type { SourceLocation } from '../../bytes/source-location.ts';
import type { MemoryText } from './memory-layout.ts';

/** Bytes of a text that follow each other, as far as they can be told without who sees them. */
export interface TextPart {
  readonly pieces: readonly SourceLocation[];
  /** Offset in the text, for each piece. */
  readonly starts: readonly number[];
  /** The text ends with it. */
  readonly isEnd: boolean;
}

/** The bytes from `start` to `end` (or to where the text ends). */
export function partOf({ pieces, starts }: MemoryText, start: number, end: number): TextPart {
  const length = starts.at(-1) ?? 0;
  if (start === 0 && end >= length) return { pieces, starts, isEnd: true };
  const part = { pieces: [] as SourceLocation[], starts: [] as number[], isEnd: end >= length };
  const first = firstIndex(pieces.length, (index) => (starts[index + 1] ?? 0) > start);
  for (let index = first; index < pieces.length; index++) {
    const piece = pieces[index];
    const pieceStart = starts[index] ?? 0;
    if (piece === undefined || pieceStart >= end) break;
    const skipped = Math.max(0, start - pieceStart);
    const taken = Math.min(piece.length, end - pieceStart) - skipped;
    part.pieces.push({ entry: piece.entry, offset: piece.offset + skipped, length: taken });
    part.starts.push(pieceStart + skipped);
  }
  return part;
}
