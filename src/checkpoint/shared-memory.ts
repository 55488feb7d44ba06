/**
 * Memory that several processes map: pagemap-shmem-ID.img with the pages, from address 0 on. ID is that of a memfd (memfd.img;
 * anonymous shared memory is one to CRIU) or of a System V segment (ipcns-shm-NS.img).
 */
import { imageKinds } from '../criu/image-kinds.ts';
import type { ImageSet } from './image-set.ts';
import { PageRuns } from './page-runs.ts';

export interface SysvSegment {
  readonly id: number;
  readonly key: number;
  /** Bytes. */
  readonly size: number;
  readonly mode: number;
  /** The image that tells of it. */
  readonly image: string;
  /** Where the content lies in that image; undefined when it is in pagemap-shmem-ID.img. */
  readonly content: { readonly offset: number; readonly length: number } | undefined;
}

export class SharedMemory {
  readonly #images: ImageSet;
  readonly #pages = new Map<number, Promise<PageRuns | undefined>>();
  readonly segments: readonly SysvSegment[];
  readonly sysvKeys: ReadonlyMap<number, number>;

  private constructor(images: ImageSet, segments: readonly SysvSegment[]) {
    this.#images = images;
    this.segments = segments;
    this.sysvKeys = new Map(segments.map(({ id, key }) => [id, key]));
  }

  static async read(images: ImageSet): Promise<SharedMemory> {
    const segments: SysvSegment[] = [];
    for (const image of images.names().filter((name) => /^ipcns-shm-\d+\.img$/.test(name))) {
      for (const { message, extra } of await images.read(image, imageKinds.ipcShm)) {
        const { id, key, mode } = message.desc;
        const content = message.in_pagemaps === true ? undefined : extra;
        segments.push({ id, key, mode, size: Number(message.size), image, content });
      }
    }
    return new SharedMemory(images, segments);
  }

  /** The pages of a segment; undefined when its image is not in the archive. */
  pages(id: number, pageSize: number): Promise<PageRuns | undefined> {
    const known = this.#pages.get(id);
    if (known) return known;
    const name = `pagemap-shmem-${id}.img`;
    const pages = PageRuns.read(this.#images, name, pageSize, `shared memory ${id}`);
    this.#pages.set(id, pages);
    return pages;
  }
}
