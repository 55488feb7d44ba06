/**
 * Which pages of a process are copied: the choice of CRIU's should_dump_page (criu/mem.c, CRIU 4.2).
 * - private memory: pages in memory or in swap that are the process's own; pages that a private file mapping shares with the
 *   file are left out, as are the kernel's pages of zeros
 * - the vDSO whole, the vvar pages never: the kernel gives each process its own
 * - shared memory without a file that can be reached by a path: once an object (shared-objects.ts)
 * - nothing of mappings of devices (VmFlags io, pf), which cannot be read this way, or must not be
 * Memory that is marked to be left out of core dumps (VmFlags dd) is copied, as CRIU does: keys lie there.
 */
import type { Mapping } from '../proc/mappings.ts';
import type { PageRuns } from './page-runs.ts';
import type { PagemapFile, PageWish, ZeroPages } from './pagemap-file.ts';

export interface PageChoice {
  /** Whatever is mapped and in memory, pages of files too. */
  readonly allPages: boolean;
  /** Bytes. */
  readonly pageSize: number;
  readonly zeroPages: ZeroPages;
}

/** The largest of these mappings, for which there would be no time: those that all smaller ones leave no room for. */
export function tooLargeMappings(mappings: readonly Mapping[], choice: PageChoice): ReadonlySet<Mapping> {
  const sizeOf = ({ start, end }: Mapping): number => Number((end - start) / BigInt(choice.pageSize));
  const sorted = mappings.filter(({ held }) => held !== 0n).sort((a, b) => sizeOf(a) - sizeOf(b));
  let left = MAX_PAGES_LOOKED_THROUGH;
  return new Set(
    sorted.filter((mapping) => {
      left -= sizeOf(mapping);
      return left < 0;
    }),
  );
}

/**
 * Pages of all mappings together that are looked through: 2 TiB of addresses, some two seconds. Sanitizers and some garbage
 * collectors reserve more, nearly all of it untouched; a hostile program could, to make a capture take long.
 */
const MAX_PAGES_LOOKED_THROUGH = 2 ** 29;

/** Kernel objects that the process gets anew wherever it runs. */
const KERNEL_DATA = new Set(['[vvar]', '[vvar_vclock]', '[vsyscall]', '[uprobes]']);
/** Asynchronous I/O: the kernel maps its ring as shared, but it belongs to the process alone. */
const AIO_RING = '/[aio] (deleted)';

/** Adds the pages of a mapping, one not too large, that are to be copied to `runs`; returns what was left out, for the capture's record. */
export function choosePages(
  mapping: Mapping,
  pagemap: PagemapFile,
  choice: PageChoice,
  runs: PageRuns,
): string | undefined {
  const size = BigInt(choice.pageSize);
  const range = {
    first: Number(mapping.start / size),
    count: Number((mapping.end - mapping.start) / size),
  };
  if (KERNEL_DATA.has(mapping.path)) return undefined;
  if (mapping.path === '[vdso]') {
    runs.add(range.first, range.count);
    return undefined;
  }
  if (isDevice(mapping)) return `${placeOf(mapping)} is memory of a device: not read`;
  if (mapping.held === 0n || !(choice.allPages || isOwnMemory(mapping))) return undefined;
  const wish: PageWish = { filePages: takesFilePages(mapping, choice), zeroPages: choice.zeroPages };
  const told = pagemap.collect(range, wish, runs);
  return told < range.count
    ? `${placeOf(mapping)}: the kernel told of ${told} pages of ${range.count}`
    : undefined;
}

/** Memory that is in a process's own pages image, not in one of a shared object nor in a file. */
const isOwnMemory = (mapping: Mapping): boolean => !mapping.shared || mapping.path === AIO_RING;

const isDevice = ({ flags }: Mapping): boolean => flags.has('io') || flags.has('pf');

/** Bit 61 is set for shared memory too, and for private memory without a file never. */
const takesFilePages = (mapping: Mapping, { allPages }: PageChoice): boolean =>
  allPages || mapping.inode === 0n || mapping.path === AIO_RING;

/** `7f00-8f00 (/dev/x)`, as the kernel writes it. */
export function placeOf({ start, end, path }: Mapping): string {
  return `${start.toString(16)}-${end.toString(16)}${path === '' ? '' : ` (${path})`}`;
}
