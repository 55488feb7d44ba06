/**
 * pagemap-PID.img and pagemap-shmem-ID.img: which pages of an address space (or of a shared memory segment, then from
 * address 0) were saved, and where in pages-N.img. A pagemap_head with N, then a pagemap_entry a run of pages.
 * - The number of pages is `nr_pages` where set, otherwise `compat_nr_pages` (CRIU up to 4.1); CRIU 4.2 writes 0 there.
 * - `flags`: PE_PARENT 1, PE_LAZY 2, PE_PRESENT 4. Without flags `in_parent` stands for PE_PARENT, else PE_PRESENT.
 * - Only PE_PRESENT runs have bytes in the pages image, one run behind the other. Units: pages of the dumped machine.
 * - Newer CRIU can compress pages and then tells the size of each block in further fields; those are not read: from the
 *   first such run on nothing is known of where pages are.
 * Facts: CRIU 4.2, images/pagemap.proto and criu/pagemap.c; recorded images of CRIU 4.2.1.
 */
import { type Address, address, formatAddress } from '../bytes/brand.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import { type Entry, readEntries, readHeader } from './image.ts';
import { imageKinds } from './image-kinds.ts';
import { type PagemapEntry, type PagemapHead, pagemapHead } from './schemas/memory.ts';
import { hasUnknownFields, isMessageOf } from './wire.ts';

const PE_PARENT = 1;
const PE_LAZY = 2;
const PE_PRESENT = 4;
const KNOWN_FLAGS = PE_PARENT | PE_LAZY | PE_PRESENT;

/** Runs that are kept: some 400 MB of memory. Honest pagemaps have a few thousand, heavily fragmented ones a million. */
export const MAX_PAGE_RUNS = 4 * 1024 * 1024;

/** Addresses have 64 bits. */
const ADDRESS_LIMIT = 1n << 64n;

/** Notes about impossible runs; a hostile pagemap would repeat itself. */
const MAX_RUN_NOTES = 10;

interface RunBase {
  readonly vaddr: Address;
  /** How many pages. */
  readonly pages: number;
}

/** Pages that follow each other in memory and in the image. */
export type PageRun =
  | (RunBase & {
      readonly origin: 'present';
      /** Where their bytes begin in the pages image. */
      readonly offset: number;
    })
  | (RunBase & {
      /**
       * `parent`: in the parent of an incremental checkpoint. `lazy`: left on the source machine. `unreadable`: in the
       * pages image, but compressed or in a form that is not known.
       */
      readonly origin: 'parent' | 'lazy' | 'unreadable';
    });

export interface Pagemap {
  /** N of pages-N.img; undefined when the image is damaged before it says so. */
  readonly pagesId: number | undefined;
  /** By ascending address, without overlap. */
  readonly runs: readonly PageRun[];
  /** Bytes of the pages image that the runs use. */
  readonly presentBytes: number;
  readonly notes: readonly Note[];
}

export interface PagemapOptions {
  /** Bytes per page on the machine that was dumped; 64 KiB exist on arm64. */
  readonly pageSize: number;
}

/** Reads a pagemap image. Never throws for damage: what could be read comes with notes. */
export async function readPagemap(
  source: ByteSource,
  name: string,
  options: PagemapOptions,
): Promise<Pagemap> {
  const notes: Note[] = [];
  const builder = new PagemapBuilder(name, options.pageSize, notes);
  try {
    const { kind, length } = await readHeader(name, source);
    if (kind.layout === 'framed' && kind.magic === imageKinds.pagemap.magic) {
      await readRuns(readEntries(name, source, imageKinds.pagemap, length, notes), builder);
    } else {
      notes.push({
        severity: 'warning',
        message: `is a ${kind.name} image, not PAGEMAP; left out`,
        entry: name,
      });
    }
  } catch (error) {
    if (!(error instanceof ExhibitError) || error.code !== 'BAD_IMAGE') throw error;
    notes.push({ severity: 'warning', message: `${error.message}; left out`, entry: name });
  }
  return builder.finish();
}

async function readRuns(
  batches: AsyncIterable<readonly Entry<PagemapHead | PagemapEntry>[]>,
  builder: PagemapBuilder,
): Promise<void> {
  for await (const batch of batches) {
    for (const { message, offset } of batch) {
      if (isMessageOf(pagemapHead, message)) builder.takeHead(message, offset);
      else if (!builder.takeEntry(message as PagemapEntry, offset)) return;
    }
  }
}

class PagemapBuilder {
  readonly #name: string;
  readonly #pageSize: number;
  readonly #notes: Note[];
  readonly #runs: PageRun[] = [];
  #pagesId: number | undefined;
  #used = 0;
  #end = 0n;
  /** Once false, where pages are is no longer known. */
  #readable = true;
  #runNotes = 0;

  constructor(name: string, pageSize: number, notes: Note[]) {
    this.#name = name;
    this.#pageSize = pageSize;
    this.#notes = notes;
  }

  takeHead(head: PagemapHead, offset: number): void {
    this.#pagesId = head.pages_id;
    if (hasUnknownFields(head)) this.#giveUp(offset);
  }

  /** False when no further run can be read. */
  takeEntry(entry: PagemapEntry, offset: number): boolean {
    if (this.#runs.length >= MAX_PAGE_RUNS) {
      this.#warn(`has more than ${MAX_PAGE_RUNS} runs of pages; the rest was not read`, offset);
      return false;
    }
    const flags = entry.flags ?? (entry.in_parent === true ? PE_PARENT : PE_PRESENT);
    if (hasUnknownFields(entry) || (flags & ~KNOWN_FLAGS) !== 0) this.#giveUp(offset);
    const count = entry.nr_pages ?? BigInt(entry.compat_nr_pages);
    const end = entry.vaddr + count * BigInt(this.#pageSize);
    if (end > ADDRESS_LIMIT || this.#used + Number(end - entry.vaddr) > Number.MAX_SAFE_INTEGER) {
      this.#warn(
        `has a run of ${count} pages, more than an address space holds; the rest was not read`,
        offset,
      );
      return false;
    }
    this.#takeRun(entry.vaddr, Number(count), flags, offset);
    return true;
  }

  #takeRun(vaddr: bigint, pages: number, flags: number, offset: number): void {
    const bytes = pages * this.#pageSize;
    const at = this.#used;
    if ((flags & PE_PRESENT) !== 0) this.#used += bytes;
    if (pages === 0) return;
    if (vaddr < this.#end) {
      this.#warnOfRun(`has a run at ${formatAddress(vaddr)} that overlaps the one before; left out`, offset);
      return;
    }
    this.#end = vaddr + BigInt(bytes);
    const start = address(vaddr);
    if ((flags & PE_PRESENT) === 0) this.#takeAbsent(start, pages, flags, offset);
    else if (this.#readable) this.#runs.push({ vaddr: start, pages, origin: 'present', offset: at });
    else this.#runs.push({ vaddr: start, pages, origin: 'unreadable' });
  }

  #takeAbsent(vaddr: Address, pages: number, flags: number, offset: number): void {
    if ((flags & PE_PARENT) !== 0) this.#runs.push({ vaddr, pages, origin: 'parent' });
    else if ((flags & PE_LAZY) !== 0) this.#runs.push({ vaddr, pages, origin: 'lazy' });
    else this.#warnOfRun(`has a run at ${formatAddress(vaddr)} that is nowhere (flags ${flags})`, offset);
  }

  #giveUp(offset: number): void {
    if (!this.#readable) return;
    this.#readable = false;
    this.#warn(
      'describes its pages in a form that is not known (newer CRIU can compress pages); their bytes cannot be read from here on',
      offset,
    );
  }

  #warnOfRun(message: string, offset: number): void {
    this.#runNotes++;
    if (this.#runNotes <= MAX_RUN_NOTES) this.#warn(message, offset);
  }

  #warn(message: string, offset: number): void {
    this.#notes.push({ severity: 'warning', message, entry: this.#name, offset });
  }

  finish(): Pagemap {
    return {
      pagesId: this.#pagesId,
      runs: this.#runs,
      presentBytes: this.#readable ? this.#used : 0,
      notes: this.#notes,
    };
  }
}
