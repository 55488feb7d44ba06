/**
 * Files whose name is gone while a process has them open, mapped or runs them: their content is nowhere else. They are opened
 * while the container stands, through /proc, and read after it runs again, up to the size that they had: ghost-file-ID.img,
 * ID in hexadecimal, and remap-fpath.img says which file each was.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { GhostFileEntry } from '../../../criu/schemas/files.ts';
import type { ContentItem } from '../content/content-item.ts';
import { fileChunks } from '../content/open-folder.ts';
import { type LiveImage, listImageIfAny } from '../live-image.ts';
import type { GatheredContainer, GatheredProcess } from '../look/gathered.ts';
import { parseDescriptorInfo } from '../proc/descriptor-info.ts';
import { deviceNumber } from '../proc/device-number.ts';
import { type Mapping, parseMappings } from '../proc/mappings.ts';
import { ghostHead, ghostMessage } from './ghost-image.ts';
import { type MountTable, MountTables } from './mount-table.ts';
import { isDeleted, isRegular } from './named-file.ts';
import { memfdName, sharedMemoryName } from './shared-memory-files.ts';

/** Files held open at once; Node raises its own limit to the hard one, which is 4096 or more on every distribution. */
const MAX_FILES = 1024;
/** Of one file, in bytes. Logs that are rotated while they are written can have gigabytes, droppers a few megabytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Of all of them. */
const MAX_TOTAL_BYTES = 1024 * 1024 * 1024;

/** Where a process has a file: `fd 3`, `map 7f00-8000`, `exe`. */
export const descriptorPlace = (fd: number): string => `fd ${fd}`;
export const mappingPlace = ({ start, end }: Pick<Mapping, 'start' | 'end'>): string =>
  `map ${start.toString(16)}-${end.toString(16)}`;

interface HeldFile {
  readonly id: number;
  readonly descriptor: number;
  /** Bytes that go into the archive. */
  readonly size: number;
  readonly message: GhostFileEntry;
}

export class DeletedFiles {
  readonly #files = new Map<string, HeldFile>();
  readonly #places = new Map<string, number>();
  /** Ids in files.img, by the ghost's id. */
  readonly #remaps: { readonly file: number; readonly ghost: number }[] = [];
  readonly #remapped = new Set<number>();
  readonly #open = new Set<number>();
  readonly gaps = new Set<string>();
  #total = 0;

  /** Opens them: to be called while the container stands. `proc` is the node's /proc. */
  static hold(container: GatheredContainer, proc = '/proc'): DeletedFiles {
    const files = new DeletedFiles();
    const tables = new MountTables(container.processes);
    for (const process of container.processes) files.#holdOf(process, tables.of(process), proc);
    return files;
  }

  #holdOf(process: GatheredProcess, mounts: MountTable, proc: string): void {
    const folder = `${proc}/${process.pid}`;
    for (const descriptor of process.descriptors) {
      if (!isDeleted(descriptor) || !isRegular(descriptor.stat)) continue;
      const info = parseDescriptorInfo(descriptor.info);
      if (memfdName(descriptor, info, mounts) !== undefined) continue;
      if (mounts.isServedByProgram(info.mountId)) {
        this.gaps.add(`${descriptor.link} is on a file system that a program serves: not read`);
        continue;
      }
      this.#hold(
        process.pid,
        descriptorPlace(descriptor.fd),
        `${folder}/fd/${descriptor.fd}`,
        descriptor.link,
      );
    }
    this.#holdExecutable(process, mounts, folder);
    this.#holdMapped(process, mounts, folder);
  }

  #holdExecutable({ pid, executable }: GatheredProcess, mounts: MountTable, folder: string): void {
    if (executable === undefined || !isDeleted(executable) || !isRegular(executable.stat)) return;
    const device = deviceNumber(executable.stat?.dev ?? 0n);
    // A memfd's file system is mounted nowhere; its content is kept as shared memory.
    if (!mounts.hasDevice(device) || mounts.isDeviceServedByProgram(device)) return;
    this.#hold(pid, 'exe', `${folder}/exe`, executable.link);
  }

  /** Whether a mapped file is really deleted shows when it is open. */
  #holdMapped({ pid, files }: GatheredProcess, mounts: MountTable, folder: string): void {
    const lines = (files.maps ?? '').split('\n').filter((line) => line.endsWith(' (deleted)'));
    const seen = new Map<string, number | undefined>();
    for (const mapping of parseMappings(lines.join('\n'))) {
      if (sharedMemoryName(mapping, mounts) !== undefined || !mapping.path.startsWith('/')) continue;
      // The kernel's ring of asynchronous input and output, which is in the process's own memory.
      if (mapping.path === '/[aio] (deleted)' || mounts.isDeviceServedByProgram(mapping)) continue;
      const key = `${mapping.major}:${mapping.minor}:${mapping.inode}`;
      const place = mappingPlace(mapping);
      if (seen.has(key)) {
        const ghost = seen.get(key);
        if (ghost !== undefined) this.#places.set(`${pid} ${place}`, ghost);
        continue;
      }
      const range = place.slice('map '.length);
      seen.set(key, this.#hold(pid, place, `${folder}/map_files/${range}`, mapping.path));
    }
  }

  #hold(pid: number, place: string, file: string, link: string): number | undefined {
    const held = this.#openOnce(file, link);
    if (held !== undefined) this.#places.set(`${pid} ${place}`, held.id);
    return held?.id;
  }

  #openOnce(file: string, link: string): HeldFile | undefined {
    if (this.#files.size >= MAX_FILES) {
      this.gaps.add(`the content of ${MAX_FILES} deleted files is in the archive, and of no more`);
      return undefined;
    }
    let descriptor: number | undefined;
    try {
      // What is behind it was a regular file a moment ago; should it not be, opening it must not wait nor get a terminal.
      descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
      const stat = fstatSync(descriptor, { bigint: true });
      const key = `${stat.dev}:${stat.ino}`;
      const known = this.#files.get(key);
      if (known !== undefined || stat.nlink > 0n || !stat.isFile()) {
        closeSync(descriptor);
        return known;
      }
      const size = this.#grant(Number(stat.size), link);
      const held: HeldFile = { id: this.#files.size + 1, descriptor, size, message: ghostMessage(stat) };
      this.#files.set(key, held);
      this.#open.add(descriptor);
      return held;
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor);
      this.gaps.add(`the content of ${link} cannot be read: ${(error as Error).message}`);
      return undefined;
    }
  }

  #grant(wanted: number, link: string): number {
    const size = Math.min(wanted, MAX_FILE_BYTES, MAX_TOTAL_BYTES - this.#total);
    if (size < wanted) this.gaps.add(`of ${link}, ${size} of ${wanted} bytes are in the archive`);
    this.#total += size;
    return size;
  }

  /** The ghost's id of what a process has at a place. */
  find(pid: number, place: string): number | undefined {
    return this.#places.get(`${pid} ${place}`);
  }

  /** Says that a file of files.img is this ghost. */
  markUsed(file: number, ghost: number): void {
    if (this.#remapped.has(file)) return;
    this.#remapped.add(file);
    this.#remaps.push({ file, ghost });
  }

  /** remap-fpath.img: to be asked for when all files are described. */
  images(): readonly LiveImage[] {
    const remaps = this.#remaps.map(({ file, ghost }) => ({
      orig_id: file,
      remap_id: ghost,
      remap_type: 'GHOST' as const,
    }));
    return listImageIfAny('remap-fpath.img', imageKinds.remapFpath, remaps);
  }

  /** ghost-file-ID.img, each read once, when it is asked for. */
  contents(): readonly ContentItem[] {
    return [...this.#files.values()].map((file) => ({
      path: `checkpoint/ghost-file-${file.id.toString(16)}.img`,
      chunks: () => this.#read(file),
    }));
  }

  async *#read({ descriptor, size, message }: HeldFile): AsyncIterable<Uint8Array> {
    this.#open.delete(descriptor);
    yield ghostHead(message);
    yield* fileChunks(descriptor, size);
  }

  /** Lets go of what was not read. */
  close(): void {
    for (const descriptor of this.#open) closeSync(descriptor);
    this.#open.clear();
  }
}
