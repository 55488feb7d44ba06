/**
 * Which pages of a shared object have content. The kernel tells of data and holes in it (SEEK_DATA) only by a system call that
 * Node.js has no function for, so what is known otherwise is used: how much of the object exists at all, the pages that its
 * mappers see in memory, and where these are too few, the content itself.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { joinRuns, PageRuns } from './page-runs.ts';
import { PagemapFile, type PageWish } from './pagemap-file.ts';
import type { SharedMapper, SharedObject } from './shared-objects.ts';

/** Read of all objects to look for content, in bytes: holes are read at some 10 GiB/s while the container stands. */
const MAX_SEARCHED_BYTES = 16 * 1024 ** 3;
/** Asked what they have in use: a database's hundred workers would take longer than the content does. */
const MAX_MAPPERS = 16;
const PIECE_BYTES = 1024 * 1024;

const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);

/** One for all objects of a container. */
export class SharedSearch {
  readonly wish: PageWish;
  /** Bytes. */
  readonly pageSize: number;
  /** The node's /proc. */
  readonly proc: string;
  #left = MAX_SEARCHED_BYTES;

  constructor(wish: PageWish, pageSize: number, proc: string) {
    this.wish = wish;
    this.pageSize = pageSize;
    this.proc = proc;
  }

  /** Whether so many bytes more may be read. */
  allows(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
}

/** The pages of `object` that have content; what could not be found out is told in `gaps`. */
export function sharedPages(object: SharedObject, search: SharedSearch, gaps: string[]): PageRuns {
  const { pageSize } = search;
  if (object.allocated === 0) return new PageRuns();
  if (object.allocated >= object.size) return wholeObject(object, pageSize);
  let seen = new PageRuns();
  for (const mapper of object.mappers.slice(0, MAX_MAPPERS)) {
    seen = joinRuns([seen, seenBy(mapper, search)]);
    if (seen.pages * pageSize >= object.allocated) return seen;
  }
  if (search.allows(object.size)) return searchContent(object, pageSize, gaps) ?? seen;
  gaps.push(
    `${object.name} (${object.inode}) is too large to be searched for pages that no process has in use`,
  );
  return seen;
}

function wholeObject({ size }: SharedObject, pageSize: number): PageRuns {
  const runs = new PageRuns();
  runs.add(0, Math.ceil(size / pageSize));
  return runs;
}

function seenBy({ pid, mapping }: SharedMapper, { wish, pageSize, proc }: SharedSearch): PageRuns {
  const runs = new PageRuns();
  const size = BigInt(pageSize);
  const range = {
    first: Number(mapping.start / size),
    count: Number((mapping.end - mapping.start) / size),
  };
  try {
    const pagemap = new PagemapFile(`${proc}/${pid}/pagemap`);
    try {
      pagemap.collect(range, wish, runs, Number(mapping.offset / size));
    } finally {
      pagemap.close();
    }
  } catch {
    // The process has ended: what it saw is found in the content.
  }
  return runs;
}

/** The pages that are not all zeros; undefined where the object cannot be read. */
function searchContent(object: SharedObject, pageSize: number, gaps: string[]): PageRuns | undefined {
  const runs = new PageRuns();
  const zeros = Buffer.alloc(pageSize);
  try {
    const descriptor = openSync(object.path, 'r');
    try {
      for (let at = 0; at < object.size; ) {
        const read = readSync(descriptor, piece, 0, PIECE_BYTES, at);
        if (read === 0) break;
        for (let from = 0; from < read; from += pageSize) {
          const length = Math.min(pageSize, read - from);
          if (piece.compare(zeros, 0, length, from, from + length) !== 0)
            runs.add(Math.floor((at + from) / pageSize), 1);
        }
        at += read;
      }
    } finally {
      closeSync(descriptor);
    }
    return runs;
  } catch {
    gaps.push(
      `${object.name} (${object.inode}) cannot be read whole: only pages that processes have in use are in the archive`,
    );
    return undefined;
  }
}
