/**
 * Bytes per page of the machine that was dumped. CRIU does not record it; the kernel told it to each process in the
 * auxiliary vector (AT_PAGESZ, getauxval(3)), which the mm image keeps.
 */
import { imageKinds } from '../criu/image-kinds.ts';
import type { MmEntry } from '../criu/schemas/memory.ts';
import type { ImageSet } from './image-set.ts';

const AT_PAGESZ = 6n;
const SMALLEST_PAGE_SIZE = 4096;
/** arm64 and ppc64 can be built for it. */
const LARGEST_PAGE_SIZE = 64 * 1024;

export function isPageSize(size: number): boolean {
  return size >= SMALLEST_PAGE_SIZE && size <= LARGEST_PAGE_SIZE && Number.isInteger(Math.log2(size));
}

/** The page size that any process of the checkpoint was told, otherwise 4096 as on x86. */
export async function readPageSize(images: ImageSet): Promise<number> {
  for (const name of images.names()) {
    if (!/^mm-\d+\.img$/.test(name)) continue;
    const mm = await images.readOne(name, imageKinds.mm);
    const size = mm && pageSizeOf(mm.message);
    if (size !== undefined) return size;
  }
  return SMALLEST_PAGE_SIZE;
}

function pageSizeOf({ mm_saved_auxv: auxv }: MmEntry): number | undefined {
  for (let index = 0; index + 1 < auxv.length; index += 2) {
    const size = Number(auxv[index + 1]);
    if (auxv[index] === AT_PAGESZ && isPageSize(size)) return size;
  }
  return undefined;
}
