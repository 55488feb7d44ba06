import type { ArchiveIndex } from '../../../src/archive/archive-index.ts';
import { openArchive } from '../../../src/archive/open-archive.ts';
import { openFileSource } from '../../../src/bytes/file-source.ts';
import { readPagemap } from '../../../src/criu/pagemap.ts';

const PAGE = 4096;

/** One pagemap of an archive with its pages. */
export interface ArchivedPages {
  /** `pagemap-1.img` */
  readonly name: string;
  /** Where the page at an address lies in the archive. */
  readonly offsets: ReadonlyMap<bigint, number>;
  read(address: bigint): Promise<Buffer>;
}

/** What an archive has of memory, whoever made it. */
export async function withArchivedPages<T>(
  file: string,
  use: (all: readonly ArchivedPages[]) => Promise<T>,
): Promise<T> {
  const source = await openFileSource(file);
  const archive = await openArchive(source);
  try {
    return await use(await readPagemaps(archive));
  } finally {
    await archive.close();
    await source.close();
  }
}

async function readPagemaps(archive: ArchiveIndex): Promise<readonly ArchivedPages[]> {
  const found: ArchivedPages[] = [];
  for (const entry of archive.entries) {
    const name = /^checkpoint\/(pagemap-.*\.img)$/.exec(entry.path)?.[1];
    if (name === undefined) continue;
    const { pagesId, runs, notes } = await readPagemap(archive.open(entry), name, { pageSize: PAGE });
    if (notes.length > 0) throw new Error(`${name}: ${notes[0]?.message}`);
    const pages = archive.find(`checkpoint/pages-${pagesId}.img`);
    if (pages === undefined) throw new Error(`${name}: there is no pages-${pagesId}.img`);
    const offsets = new Map<bigint, number>();
    for (const run of runs) {
      if (run.origin !== 'present') throw new Error(`${name}: pages are elsewhere`);
      for (let page = 0; page < run.pages; page++)
        offsets.set(run.vaddr + BigInt(page * PAGE), pages.offset + run.offset + page * PAGE);
    }
    const read = async (address: bigint): Promise<Buffer> => {
      const offset = offsets.get(address);
      if (offset === undefined) throw new Error(`${name}: no page at ${address.toString(16)}`);
      return Buffer.from(await archive.tar.read(offset, PAGE));
    };
    found.push({ name, offsets, read });
  }
  return found;
}
