/**
 * What is behind each descriptor. Descriptors that are one open file have one entry: those of which kcmp(2) could tell it, and
 * those whose kind shows it: a socket's inode is one open file, an eventfd has a number. Others have an entry each.
 */
import type { FdinfoEntry, FileEntry } from '../../../criu/schemas/files.ts';
import type { GatheredDescriptor, GatheredProcess } from '../look/gathered.ts';
import { placeOf, type SameFiles } from '../look/same-files.ts';
import type { SocketProtocols } from '../look/socket-protocols.ts';
import { type DescriptorInfo, O_PATH, parseDescriptorInfo } from '../proc/descriptor-info.ts';
import { type DeletedFiles, descriptorPlace } from './deleted-files.ts';
import { EVENT_FILES, eventfdNumber } from './event-files.ts';
import { type FileBook, UNKNOWN_OWNER } from './file-book.ts';
import type { FileLocks } from './file-locks.ts';
import type { OwnerOf } from './file-owners.ts';
import type { MappedFileContext } from './mapped-files.ts';
import type { MountTable } from './mount-table.ts';
import { isFifo, namedEntry } from './named-file.ts';
import { namespaceEntry } from './namespace-files.ts';
import { bpfMapEntry, pidfdEntry, pipeEntry, tunEntry } from './other-files.ts';
import { memfdName, type SharedMemoryFiles } from './shared-memory-files.ts';
import { type SocketTable, socketEntry } from './sockets.ts';
import type { Terminals } from './terminals.ts';

/** A descriptor that CRIU has no kind for; in the images it is of an unknown one (EXT). */
export interface OtherDescriptor {
  /** As the node counts. */
  readonly pid: number;
  readonly fd: number;
  /** `anon_inode:[io_uring]` */
  readonly link: string;
  /**
   * What fdinfo has beside position, flags and mount, cut at MAX_INFO_LENGTH characters; of a socket first the name of its
   * protocol, where the kernel told it.
   */
  readonly info: string;
}

/** An io_uring lists its buffers and what waits for it, which may be thousands of lines. */
const MAX_INFO_LENGTH = 4096;

export interface DescriptorContext {
  readonly book: FileBook;
  readonly sockets: SocketTable;
  readonly shared: SharedMemoryFiles;
  readonly terminals: Terminals;
  readonly locks: FileLocks;
  readonly deleted: DeletedFiles;
  readonly isSegment: MappedFileContext['isSegment'];
  readonly others: OtherDescriptor[];
  readonly sameFiles: SameFiles;
  readonly socketProtocols: SocketProtocols;
  readonly ownerOf: OwnerOf;
  /** How many PID namespaces lie between the node's and the container's, both counted. */
  readonly depth: number;
}

type MakeEntry = Parameters<FileBook['add']>[0];

const FD_CLOEXEC = 1;

/** The entries of a process's fdinfo-N.img; `number` is how the container counts the process. */
export function describeDescriptors(
  process: GatheredProcess,
  number: number,
  mounts: MountTable,
  context: DescriptorContext,
): readonly FdinfoEntry[] {
  return process.descriptors.map((descriptor) => {
    const info = parseDescriptorInfo(descriptor.info);
    const entry = describeDescriptor(process, descriptor, info, mounts, context);
    context.locks.add(info.lines, number, descriptor.fd);
    return {
      id: entry.id,
      flags: info.closeOnExec ? FD_CLOEXEC : 0,
      type: entry.type,
      fd: descriptor.fd,
    };
  });
}

function describeDescriptor(
  { pid, namespaces }: GatheredProcess,
  descriptor: GatheredDescriptor,
  info: DescriptorInfo,
  mounts: MountTable,
  context: DescriptorContext,
): FileEntry {
  const { link, fd } = descriptor;
  const { book, sameFiles } = context;
  const socket = socketOf(link, info, namespaces.net, context);
  if (socket !== undefined) return socket;
  const first = sameFiles.get(placeOf(pid, fd));
  const add = (make: MakeEntry): FileEntry =>
    first === undefined ? book.add(make) : book.once(`same as ${first}`, make);
  const makeEvent = Object.hasOwn(EVENT_FILES, link) ? EVENT_FILES[link] : undefined;
  if (makeEvent !== undefined) {
    const number = eventfdNumber(info);
    const make: MakeEntry = (id) => makeEvent(id, info);
    return number === undefined ? add(make) : book.once(`eventfd ${number}`, make);
  }
  const make =
    pipeEntry(link, info) ??
    namespaceEntry(link, info) ??
    pidfdEntry(descriptor, info, context.depth) ??
    bpfMapEntry(link, info);
  if (make !== undefined) return add(make);
  if (link.startsWith('/')) return addPath(pid, descriptor, info, mounts, context, add);
  const protocol = context.socketProtocols.get(link);
  const lines = protocol === undefined ? info.lines : [`protocol: ${protocol}`, ...info.lines];
  context.others.push({ pid, fd, link, info: lines.join('\n').slice(0, MAX_INFO_LENGTH) });
  return add((id) => ({ type: 'EXT', ext: { id, fown: UNKNOWN_OWNER } }));
}

function socketOf(
  link: string,
  info: DescriptorInfo,
  namespace: bigint | undefined,
  { book, sockets, ownerOf }: DescriptorContext,
) {
  const inode = /^socket:\[(\d{1,10})\]$/.exec(link)?.[1];
  const known = inode === undefined ? undefined : sockets.find(Number(inode), namespace);
  return known && book.once(link, (id) => socketEntry(id, known, info, ownerOf));
}

function addPath(
  pid: number,
  descriptor: GatheredDescriptor,
  info: DescriptorInfo,
  mounts: MountTable,
  { book, shared, deleted, terminals }: DescriptorContext,
  add: (make: MakeEntry) => FileEntry,
): FileEntry {
  const name = memfdName(descriptor, info, mounts);
  if (name !== undefined) return add((id) => shared.ofDescriptor(id, name, descriptor, info));
  const isOpen = (info.flags & O_PATH) === 0;
  const make = isOpen ? (terminals.entryOf(descriptor, info) ?? tunEntry(descriptor, info)) : undefined;
  if (make !== undefined) return add(make);
  if (isOpen && isFifo(descriptor.stat)) return add((id) => fifoEntry(id, descriptor, info, book));
  const entry = add((id) => namedEntry(id, descriptor, info));
  const ghost = deleted.find(pid, descriptorPlace(descriptor.fd));
  if (ghost !== undefined) deleted.markUsed(entry.id, ghost);
  return entry;
}

/** A FIFO has a path and a buffer: an entry for each. */
function fifoEntry(
  id: number,
  descriptor: GatheredDescriptor,
  info: DescriptorInfo,
  book: FileBook,
): ReturnType<MakeEntry> {
  const file = book.add((other) => namedEntry(other, descriptor, info));
  const pipe_id = Number(BigInt.asUintN(32, descriptor.stat?.ino ?? 0n));
  return { type: 'FIFO', fifo: { id, pipe_id, regf_id: file.id } };
}
