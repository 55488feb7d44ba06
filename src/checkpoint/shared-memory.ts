/**
 * Memory that several processes map: pagemap-shmem-ID.img with the pages, from address 0 on. ID is that of a memfd (memfd.img;
 * anonymous shared memory is one to CRIU) or of a System V segment (ipcns-shm-NS.img).
 */
import type { SourceLocation } from '../bytes/source-location.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { ImageSet } from './image-set.ts';
import { PageRuns } from './page-runs.ts';

export interface SysvSegment {
  readonly id: number;
  readonly key: number;
  /** Bytes. */
  readonly size: number;
  readonly mode: number;
  /** Where the content lies behind the segment's entry, as older CRIU wrote it; otherwise it is in pagemap-shmem-ID.img. */
  readonly content: SourceLocation | undefined;
}

/** What /proc/PID/maps calls a System V segment, without its slash. */
export const sysvName = (key: number): string => `SYSV${(key >>> 0).toString(16).padStart(8, '0')}`;

export class SharedMemory {
  readonly #images: ImageSet;
  readonly #pageSize: number;
  readonly #pages = new Map<number, Promise<PageRuns | undefined>>();
  readonly segments: readonly SysvSegment[];
  readonly #byId: ReadonlyMap<number, SysvSegment>;

  private constructor(images: ImageSet, pageSize: number, segments: readonly SysvSegment[]) {
    this.#images = images;
    this.#pageSize = pageSize;
    this.segments = segments;
    this.#byId = new Map(segments.map((segment) => [segment.id, segment]));
  }

  static async read(images: ImageSet, pageSize: number): Promise<SharedMemory> {
    const segments: SysvSegment[] = [];
    for (const image of images.names().filter((name) => /^ipcns-shm-\d+\.img$/.test(name))) {
      for (const { message, extra } of await images.read(image, imageKinds.ipcShm)) {
        const { id, key, mode } = message.desc;
        const content = message.in_pagemaps === true || !extra ? undefined : images.locate(image, extra);
        segments.push({ id, key, mode, size: Number(message.size), content });
      }
    }
    return new SharedMemory(images, pageSize, segments);
  }

  /** The key of a System V segment. */
  keyOf(id: number): number | undefined {
    return this.#byId.get(id)?.key;
  }

  /** The pages of a segment; undefined, with a note, when they are not in the archive. */
  pages(id: number): Promise<PageRuns | undefined> {
    const known = this.#pages.get(id);
    if (known) return known;
    const pages = this.#readPages(id);
    this.#pages.set(id, pages);
    return pages;
  }

  async #readPages(id: number): Promise<PageRuns | undefined> {
    const content = this.#byId.get(id)?.content;
    if (content) return PageRuns.of(content, this.#pageSize);
    const name = `pagemap-shmem-${id}.img`;
    const pages = await PageRuns.read(this.#images, name, this.#pageSize, `shared memory ${id}`);
    if (pages === undefined) {
      this.#images.notes.warn(`${name}, the content of shared memory ${id}, is not in the archive`);
    }
    return pages;
  }
}
