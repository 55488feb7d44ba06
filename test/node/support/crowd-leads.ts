/** The program crowd, as an archive has it: its numbers tell whether the archive is of one moment. */
import { closeSync, openSync, readSync } from 'node:fs';
import { type ArchivedPages, withArchivedPages } from './archived-pages.ts';

const PAGE = 4096;
/** Bytes before the numbers of a page. */
const MARK = 16;

export interface CrowdLeads {
  /** Processes whose numbers are in the archive. */
  readonly processes: number;
  /** For each thread, by how many steps the number in shared memory is ahead of the one in its process's; in one moment, 0 or 1. */
  readonly leads: readonly number[];
  /** The most steps of a thread. */
  readonly steps: number;
}

export async function crowdLeads(file: string, threads: number): Promise<CrowdLeads> {
  return withArchivedPages(file, async (all) => {
    const shared = Array<number>(threads).fill(0);
    const own = Array<number>(threads).fill(0);
    let processes = 0;
    for (const page of all.flatMap((each) => markedPages(file, each))) {
      const isShared = page.toString('latin1', 0, 14) === 'EXHIBIT-SHARED';
      const list = isShared ? shared : own;
      if (!isShared) processes++;
      for (let thread = 0; thread < threads; thread++)
        list[thread] = (list[thread] ?? 0) + Number(page.readBigUInt64LE(MARK + 8 * thread));
    }
    const leads = shared.map((number, thread) => number - (own[thread] ?? 0));
    return { processes, leads, steps: Math.max(...own) };
  });
}

function markedPages(file: string, { offsets }: ArchivedPages): readonly Buffer[] {
  const descriptor = openSync(file, 'r');
  const head = Buffer.alloc(MARK);
  const found: Buffer[] = [];
  for (const offset of offsets.values()) {
    readSync(descriptor, head, 0, head.length, offset);
    if (!/^EXHIBIT-(SHARED|PRIVATE)\0/.test(head.toString('latin1'))) continue;
    const page = Buffer.alloc(PAGE);
    readSync(descriptor, page, 0, page.length, offset);
    found.push(page);
  }
  closeSync(descriptor);
  return found;
}
