/**
 * What is copied of a container's memory, found out while it stands still: a pages image for each process and for each shared
 * object, numbered from 1 on in this order, and the pages that it is made of. From the plan follows where in the archive each
 * page comes to lie, so that pages are written to their place at once.
 */
import type { Mapping } from '../proc/mappings.ts';
import { choosePages, type PageChoice, placeOf, tooLargeMappings } from './page-choice.ts';
import { PageRuns } from './page-runs.ts';
import { PagemapFile } from './pagemap-file.ts';
import { findSharedObjects, type PlannedProcess } from './shared-objects.ts';
import { SharedSearch, sharedPages } from './shared-pages.ts';

/** Where the bytes of a pages image come from. */
export type PagesOrigin =
  | { readonly kind: 'process'; readonly pid: number; readonly containerPid: number }
  | { readonly kind: 'shared'; readonly inode: bigint; readonly name: string };

/** One pages image: its runs, one behind the other. */
export interface PlannedPages {
  /** N of `pages-N.img`. */
  readonly pagesId: number;
  readonly origin: PagesOrigin;
  /** The file that has page P of `runs` at byte P × page size: /proc/PID/mem, or the shared object itself. */
  readonly path: string;
  readonly runs: PageRuns;
  /** Length of the image. */
  readonly bytes: number;
}

export interface MemoryPlan {
  /** Bytes. */
  readonly pageSize: number;
  readonly images: readonly PlannedPages[];
  /** Length of all images together. */
  readonly bytes: number;
  /** What is not in the archive, and why. */
  readonly gaps: readonly string[];
}

/** Never throws for what it meets: what cannot be read is a gap. `proc` is the node's /proc. */
export function planMemory(
  processes: readonly PlannedProcess[],
  choice: PageChoice,
  proc = '/proc',
): MemoryPlan {
  const gaps: string[] = [];
  const tooLarge = tooLargeMappings(
    processes.flatMap(({ mappings }) => mappings),
    choice,
  );
  const lookThrough = { choice, tooLarge, proc };
  const parts = [
    ...processes.flatMap((process) => planProcess(process, lookThrough, gaps) ?? []),
    ...planShared(processes, choice, gaps, proc),
  ];
  const images = parts.map((part, index) => ({
    ...part,
    pagesId: index + 1,
    bytes: part.runs.pages * choice.pageSize,
  }));
  const bytes = images.reduce((sum, image) => sum + image.bytes, 0);
  return { pageSize: choice.pageSize, images, bytes, gaps };
}

type PlannedPart = Pick<PlannedPages, 'origin' | 'path' | 'runs'>;

interface LookThrough {
  readonly choice: PageChoice;
  readonly tooLarge: ReadonlySet<Mapping>;
  readonly proc: string;
}

/** A process that has ended but not been waited for has no memory, and then no image. */
function planProcess(
  { pid, containerPid, mappings }: PlannedProcess,
  { choice, tooLarge, proc }: LookThrough,
  gaps: string[],
): PlannedPart | undefined {
  if (mappings.length === 0) return undefined;
  const runs = new PageRuns();
  const note = (gap: string): number => gaps.push(`process ${containerPid}: ${gap}`);
  try {
    const pagemap = new PagemapFile(`${proc}/${pid}/pagemap`);
    try {
      for (const mapping of mappings) {
        const gap = tooLarge.has(mapping)
          ? `${placeOf(mapping)} is too large to look through: its memory is not in the archive`
          : choosePages(mapping, pagemap, choice, runs);
        if (gap !== undefined) note(gap);
      }
    } finally {
      pagemap.close();
    }
  } catch (error) {
    note(`its memory cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  noteLost(runs, note);
  return { origin: { kind: 'process', pid, containerPid }, path: `${proc}/${pid}/mem`, runs };
}

function planShared(
  processes: readonly PlannedProcess[],
  { pageSize, zeroPages }: PageChoice,
  gaps: string[],
  proc: string,
): readonly PlannedPart[] {
  const search = new SharedSearch({ filePages: true, zeroPages }, pageSize, proc);
  return findSharedObjects(processes, gaps, proc).map((object) => {
    const runs = sharedPages(object, search, gaps);
    noteLost(runs, (gap) => gaps.push(`${object.name} (${object.inode}): ${gap}`));
    const { inode, name, path } = object;
    return { origin: { kind: 'shared', inode, name }, path, runs };
  });
}

function noteLost(runs: PageRuns, note: (gap: string) => void): void {
  if (runs.lost > 0) note(`its memory is too fragmented: ${runs.lost} pages are not in the archive`);
}
