/**
 * Open file descriptions by CRIU's id: files.img, or before it existed (CRIU up to 3.x) an image a kind. remap-fpath.img
 * tells which of them had lost their name, memfd.img what the memfds were.
 */
import type { SourceLocation } from '../bytes/source-location.ts';
import { type ImageKind, imageKinds } from '../criu/image-kinds.ts';
import type { MessageOf } from '../criu/schema.ts';
import type { FileEntry, RemapFilePathEntry } from '../criu/schemas/files.ts';
import type { memfdInodeEntry } from '../criu/schemas/memory.ts';
import type { FileReference } from './descriptors.ts';
import type { ImageSet } from './image-set.ts';

/** A file_entry with its place; exactly one of its kinds is set. */
export interface OpenFile {
  readonly file: FileEntry;
  readonly location: SourceLocation;
}

export type MemfdInode = MessageOf<typeof memfdInodeEntry>;

/** A file whose name was gone. */
interface Remap {
  /** N of ghost-file-N.img, in hexadecimal; undefined for a file that lives on under another name or in /proc. */
  readonly ghostId: number | undefined;
}

/** Before CRIU told the type of a remap, this bit of its id stood for a ghost. */
const GHOST_BIT = 0x80000000;

function toRemap({ remap_type, remap_id }: RemapFilePathEntry): Remap {
  if (remap_type !== undefined) return { ghostId: remap_type === 'GHOST' ? remap_id : undefined };
  return { ghostId: remap_id >= GHOST_BIT ? remap_id - GHOST_BIT : undefined };
}

/**
 * The kernel's own names of shared memory that nobody gave a name; CRIU records all of it as memfds, and of a memfd the
 * name without `/memfd:`. A program can give a memfd such a name, so only a shared mapping is believed to be the kernel's.
 */
const KERNEL_SHARED_MEMORY = /^\/(dev\/zero|SYSV[0-9a-f]{8}|anon_hugepage)$/;

export const isKernelSharedMemory = ({ name }: MemfdInode): boolean => KERNEL_SHARED_MEMORY.test(name);

/** Linux's PATH_MAX, in bytes; /proc shows no longer path, and a forged one would be printed with every use. */
const MAX_PATH_LENGTH = 4096;

const shortened = (path: string): string =>
  path.length <= MAX_PATH_LENGTH ? path : `${path.slice(0, MAX_PATH_LENGTH)}…`;

/** Images of older CRIU: the field of file_entry that each one's messages belong into. */
const OLDER_IMAGES = [
  ['reg-files.img', imageKinds.regFiles, 'REG', 'reg'],
  ['inetsk.img', imageKinds.inetsk, 'INETSK', 'isk'],
  ['unixsk.img', imageKinds.unixsk, 'UNIXSK', 'usk'],
  ['packetsk.img', imageKinds.packetsk, 'PACKETSK', 'psk'],
  ['netlinksk.img', imageKinds.netlinksk, 'NETLINKSK', 'nlsk'],
  ['pipes.img', imageKinds.pipes, 'PIPE', 'pipe'],
  ['fifo.img', imageKinds.fifo, 'FIFO', 'fifo'],
  ['eventfd.img', imageKinds.eventfd, 'EVENTFD', 'efd'],
  ['eventpoll.img', imageKinds.eventpoll, 'EVENTPOLL', 'epfd'],
  ['signalfd.img', imageKinds.signalfd, 'SIGNALFD', 'sgfd'],
  ['timerfd.img', imageKinds.timerfd, 'TIMERFD', 'tfd'],
  ['inotify.img', imageKinds.inotify, 'INOTIFY', 'ify'],
  ['fanotify.img', imageKinds.fanotify, 'FANOTIFY', 'ffy'],
  ['tty.img', imageKinds.tty, 'TTY', 'tty'],
  ['tunfile.img', imageKinds.tunfile, 'TUNF', 'tunf'],
  ['ns-files.img', imageKinds.nsFiles, 'NS', 'nsf'],
  ['ext-files.img', imageKinds.extFiles, 'EXT', 'ext'],
] as const satisfies readonly (readonly [string, ImageKind, string, keyof FileEntry])[];

export class FileTable {
  readonly #files = new Map<number, OpenFile>();
  readonly #remaps = new Map<number, Remap>();
  readonly #memfds = new Map<number, MemfdInode>();

  static async read(images: ImageSet): Promise<FileTable> {
    const table = new FileTable();
    for (const entry of await images.read('files.img', imageKinds.files)) {
      table.#add(entry.message.id, entry.message, images.locate('files.img', entry));
    }
    for (const [name, kind, type, field] of OLDER_IMAGES) {
      const entries = await images.read(name, kind as ImageKind<{ readonly id: number }>);
      for (const entry of entries) {
        const file = { type, id: entry.message.id, [field]: entry.message } as unknown as FileEntry;
        table.#add(entry.message.id, file, images.locate(name, entry));
      }
    }
    for (const { message } of await images.read('remap-fpath.img', imageKinds.remapFpath)) {
      table.#remaps.set(message.orig_id, toRemap(message));
    }
    for (const { message } of await images.read('memfd.img', imageKinds.memfd)) {
      table.#memfds.set(Number(message.inode_id), message);
    }
    return table;
  }

  #add(id: number, file: FileEntry, location: SourceLocation): void {
    if (!this.#files.has(id)) this.#files.set(id, { file, location });
  }

  get(id: number): OpenFile | undefined {
    return this.#files.get(id);
  }

  /** The files whose content is in ghost-file-ID.img, as they were open or mapped when their name was gone. */
  *ghosts(): Iterable<{ readonly path: string; readonly ghostId: number }> {
    for (const [id, { ghostId }] of this.#remaps) {
      const path = this.reference(id)?.path;
      if (path !== undefined && ghostId !== undefined) yield { path, ghostId };
    }
  }

  memfds(): Iterable<MemfdInode> {
    return this.#memfds.values();
  }

  memfdOf(file: FileEntry): MemfdInode | undefined {
    return file.memfd && this.#memfds.get(file.memfd.inode_id);
  }

  /** A file by the id that an executable, a VMA, a working directory or a descriptor names; 0 names none. */
  reference(id: number): FileReference | undefined {
    const open = this.#files.get(id);
    return open && this.referenceOf(open);
  }

  referenceOf({ file, location }: OpenFile): FileReference | undefined {
    if (file.reg) {
      const deleted = this.#remaps.has(file.id);
      return { path: shortened(file.reg.name), deleted, memfd: false, location };
    }
    if (!file.memfd) return undefined;
    const name = shortened(this.memfdOf(file)?.name ?? '');
    return { path: `/memfd:${name} (deleted)`, deleted: true, memfd: true, location };
  }
}

/** What /proc/PID/exe, maps and fd show. */
export function procPath(reference: FileReference): string {
  return reference.deleted && !reference.memfd ? `${reference.path} (deleted)` : reference.path;
}
