/**
 * Memory that has no file system of its own: memfds, shared anonymous memory (`/dev/zero`) and System V segments, all files of
 * a mount inside the kernel. CRIU calls each a memfd, whose content is in pagemap-shmem-INODE.img.
 */
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { MessageOf } from '../../../criu/schema.ts';
import type { FileEntry } from '../../../criu/schemas/files.ts';
import type { memfdInodeEntry } from '../../../criu/schemas/memory.ts';
import { type LiveImage, listImageIfAny } from '../live-image.ts';
import type { GatheredDescriptor } from '../look/gathered.ts';
import type { DescriptorInfo } from '../proc/descriptor-info.ts';
import type { Mapping } from '../proc/mappings.ts';
import { UNKNOWN_OWNER } from './file-book.ts';
import type { MountTable } from './mount-table.ts';

const MEMFD = /^\/memfd:(.*) \(deleted\)$/s;
const MAPPED = /^\/(?:memfd:(.*)|(dev\/zero|SYSV[0-9a-f]{8}|anon_hugepage)) \(deleted\)$/s;

/** S_IFREG and all permissions: what the kernel gives these files, and all that is known of a mapped one. */
const DEFAULT_MODE = 0o100777;

/** The name of the memfd behind a descriptor; a file of that path lies in a mount that the container has. */
export function memfdName(
  { link }: Pick<GatheredDescriptor, 'link'>,
  { mountId }: DescriptorInfo,
  mounts: MountTable,
): string | undefined {
  const name = MEMFD.exec(link)?.[1];
  return name !== undefined && mountId !== undefined && !mounts.has(mountId) ? name : undefined;
}

/** The name of the shared memory that a mapping shows. */
export function sharedMemoryName(mapping: Mapping, mounts: MountTable): string | undefined {
  const match = MAPPED.exec(mapping.path);
  if (match === null || mounts.hasDevice(mapping)) return undefined;
  return match[1] ?? `/${match[2]}`;
}

type Inode = MessageOf<typeof memfdInodeEntry>;

/** memfd.img as it grows. */
export class SharedMemoryFiles {
  readonly #inodes = new Map<string, Inode>();
  /** Those that a descriptor or an executable leads to. */
  readonly #sized = new Set<string>();

  ofDescriptor(
    id: number,
    name: string,
    { stat }: GatheredDescriptor,
    { flags, position }: DescriptorInfo,
  ): Omit<FileEntry, 'id'> {
    const key = keyOf(name, stat?.ino ?? 0n);
    const known = stat && { size: stat.size, uid: stat.uid, gid: stat.gid, mode: stat.mode };
    const inode = { ...this.#inode(key, name, stat?.ino ?? 0n), ...known };
    this.#inodes.set(key, inode);
    this.#sized.add(key);
    return memfdEntry(id, flags, position, inode);
  }

  ofMapping(id: number, name: string, { inode }: Mapping): Omit<FileEntry, 'id'> {
    return memfdEntry(id, 0, 0n, this.#inode(keyOf(name, inode), name, inode));
  }

  /** Where nobody knows the size, mappings alone tell that it is no less than where the last one ends. */
  growTo(name: string, mapping: Mapping, size: bigint | undefined): void {
    const key = keyOf(name, mapping.inode);
    const inode = this.#inode(key, name, mapping.inode);
    const end = mapping.offset + mapping.end - mapping.start;
    if (size !== undefined) this.#sized.add(key);
    if (size !== undefined || (!this.#sized.has(key) && end > inode.size))
      this.#inodes.set(key, { ...inode, size: size ?? end });
  }

  #inode(key: string, name: string, ino: bigint): Inode {
    const known = this.#inodes.get(key);
    if (known !== undefined) return known;
    const inode_id = BigInt(this.#inodes.size + 1);
    const shmid = Number(BigInt.asUintN(32, ino));
    // Seals are known to fcntl(F_GET_SEALS) only; none is what the message says for want of knowledge.
    const inode = { name, uid: 0, gid: 0, size: 0n, shmid, seals: 0, inode_id, mode: DEFAULT_MODE };
    this.#inodes.set(key, inode);
    return inode;
  }

  images(): readonly LiveImage[] {
    return listImageIfAny('memfd.img', imageKinds.memfd, [...this.#inodes.values()]);
  }
}

/** The inode of a System V segment is its id and may be that of a memfd too: their names differ. */
const keyOf = (name: string, ino: bigint): string =>
  `${/^\/SYSV/.test(name) ? 'sysv' : 'memory'}:${BigInt.asUintN(32, ino)}`;

const memfdEntry = (id: number, flags: number, pos: bigint, inode: Inode): Omit<FileEntry, 'id'> => ({
  type: 'MEMFD',
  memfd: { id, flags, pos, fown: UNKNOWN_OWNER, inode_id: Number(inode.inode_id) },
});
