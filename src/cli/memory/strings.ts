import type { MemoryFilter } from '../../analysis/memory-selection.ts';
import { findStrings } from '../../analysis/memory-strings.ts';
import type { StringEncoding } from '../../analysis/strings/string-query.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { renderString } from '../views/memory-hits.ts';
import { type Outside, printHits } from './print-hits.ts';

export interface StringsOptions {
  readonly minLength?: number;
  readonly encoding?: readonly StringEncoding[];
  readonly limit?: number;
}

/** Prints the strings in memory, a line each, as they are found. */
export async function printStrings(
  checkpoint: Checkpoint,
  filter: MemoryFilter,
  { minLength: minimum, encoding: encodings, limit }: StringsOptions,
  outside: Outside,
): Promise<void> {
  const { io, output, threads } = outside;
  const color = io.color && output.isTerminal;
  await printHits({
    checkpoint,
    filter,
    start: (scan) => findStrings(checkpoint, { ...scan, filter, threads, minimum, encodings }),
    render: (found) => renderString(found, color),
    limit,
    nouns: ['string', 'strings'],
    outside,
  });
}
