import { searchMemory } from '../../analysis/memory-search.ts';
import type { MemoryFilter } from '../../analysis/memory-selection.ts';
import type { SearchQuery } from '../../analysis/pattern.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { type HitStyle, renderHit } from '../views/memory-hits.ts';
import type { SearchOptions } from './options.ts';
import { type Outside, printHits } from './print-hits.ts';

/** Prints the places where `query` stands, as they are found. */
export async function printMatches(
  checkpoint: Checkpoint,
  query: SearchQuery,
  filter: MemoryFilter,
  options: SearchOptions,
  outside: Outside,
): Promise<void> {
  const { io, output, threads } = outside;
  const style: HitStyle = { color: io.color && output.isTerminal, hex: options.hex === true };
  await printHits({
    checkpoint,
    filter,
    start: (scan) => searchMemory(checkpoint, query, { ...scan, filter, threads, context: options.context }),
    render: (hit) => renderHit(hit, style),
    limit: options.limit,
    nouns: ['match', 'matches'],
    outside,
  });
}
