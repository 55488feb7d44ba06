/** The pagemap images of a plan: which page of which address space lies where in which pages image (criu/pagemap.ts). */
import { concat } from '../../../bytes/concat.ts';
import { imageKinds } from '../../../criu/image-kinds.ts';
import { writeEntries, writeImage } from '../../../criu/write-image.ts';
import type { LiveImage } from '../live-image.ts';
import type { MemoryPlan, PlannedPages } from './memory-plan.ts';
import type { PageRun } from './page-runs.ts';

const PE_PRESENT = 4;
/** Entries that are made at a time: a fragmented process has a million runs. */
const BATCH = 4096;

/** `pagemap-PID.img` for each process and `pagemap-shmem-INODE.img` for each shared object, as CRIU 4.2 writes them. */
export function pagemapImages({ images, pageSize }: MemoryPlan): readonly LiveImage[] {
  return images.map((pages) => ({ name: imageName(pages), bytes: pagemapImage(pages, pageSize) }));
}

function imageName({ origin }: PlannedPages): string {
  return origin.kind === 'process'
    ? `pagemap-${origin.containerPid}.img`
    : `pagemap-shmem-${origin.inode}.img`;
}

function pagemapImage({ pagesId, runs }: PlannedPages, pageSize: number): Uint8Array {
  const parts = [writeImage(imageKinds.pagemap, [{ message: { pages_id: pagesId } }])];
  let batch: PageRun[] = [];
  const flush = (): void => {
    parts.push(
      writeEntries(
        imageKinds.pagemap.later,
        batch.map((run) => ({ message: entryOf(run, pageSize) })),
      ),
    );
    batch = [];
  };
  for (const run of runs) if (batch.push(run) === BATCH) flush();
  flush();
  return concat(parts);
}

const entryOf = ({ start, pages }: PageRun, pageSize: number) => ({
  vaddr: BigInt(start) * BigInt(pageSize),
  compat_nr_pages: 0,
  flags: PE_PRESENT,
  nr_pages: BigInt(pages),
});
