import type { SearchThreads } from '../../analysis/memory-query.ts';
import type { FindOptions } from '../../analysis/memory-search.ts';
import { type MemoryFilter, selectMemory } from '../../analysis/memory-selection.ts';
import type { Note } from '../../bytes/note.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import type { RootFiles } from '../../checkpoint/root-files.ts';
import { ExitCode, type Io } from '../io.ts';
import type { Output } from '../output.ts';
import { escapeText, toJson } from '../terminal/escape.ts';
import { formatBytes, formatCount } from '../terminal/format.ts';
import { startProgress } from '../terminal/progress.ts';

/** What the actions of one command line share. */
export interface Outside {
  readonly io: Io;
  readonly output: Output;
  readonly json: boolean;
  /** Takes what could not be searched. */
  readonly notes: Note[];
  /** What mapped files held is read from here. */
  readonly files?: RootFiles | undefined;
  /** They search beside this one. */
  readonly threads: SearchThreads | undefined;
}

export interface HitStream<Hit> {
  readonly checkpoint: Checkpoint;
  readonly filter: MemoryFilter;
  readonly start: (options: FindOptions) => AsyncIterable<readonly Hit[]>;
  /** As text that ends in a line feed. */
  readonly render: (hit: Hit) => string;
  /** Default: all. */
  readonly limit?: number | undefined;
  /** What hits are called: one, several. */
  readonly nouns: readonly [string, string];
  readonly outside: Outside;
}

/** Prints hits as they are found, shows how far it is on a terminal, and in the end says on stderr how many there were. */
export async function printHits<Hit>(stream: HitStream<Hit>): Promise<void> {
  const { io, output, json, notes } = stream.outside;
  const limit = stream.limit ?? Number.POSITIVE_INFINITY;
  const progress = startProgress(io);
  let count = 0;
  let searched = 0;
  const batches = stream.start({
    onProgress: (done, total) => {
      searched = done;
      progress.update(
        `searching: ${formatBytes(done)} of ${formatBytes(total)}, ${formatCount(count, ...stream.nouns)}`,
      );
    },
    onNote: (note) => notes.push(note),
    files: stream.outside.files,
  });
  try {
    for await (const batch of batches) {
      const wanted = batch.slice(0, limit - count);
      count += wanted.length;
      progress.end();
      await output.text(wanted.map((hit) => (json ? `${toJson(hit, 0)}\n` : stream.render(hit))).join(''));
      if (count >= limit) break;
    }
  } finally {
    progress.end();
  }
  await tellCount(stream, count, searched);
}

async function tellCount<Hit>(
  { checkpoint, filter, limit, nouns, outside }: HitStream<Hit>,
  count: number,
  searched: number,
): Promise<void> {
  const memory = await selectMemory(checkpoint, filter);
  const place = `in ${formatBytes(searched)} of memory of ${formatCount(memory.length, 'process', 'processes')}`;
  const found = formatCount(count, ...nouns);
  if (count === 0) outside.io.err(`exhibit: no ${nouns[0]} ${place}\n`);
  else if (count >= (limit ?? Number.POSITIVE_INFINITY)) {
    outside.io.err(`exhibit: stopped after ${found} (--limit)\n`);
  } else outside.io.err(`exhibit: ${found} ${place}\n`);
}

/** Tells on stderr what could not be searched; then the exit code is `damaged`, unless it is worse. */
export function tellNotes(notes: readonly Note[], code: ExitCode, io: Io): ExitCode {
  for (const { message } of notes) io.err(`exhibit: warning: ${escapeText(message)}\n`);
  return notes.length > 0 && code === ExitCode.done ? ExitCode.damaged : code;
}
