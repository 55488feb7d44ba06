/** The descriptor table of a process: fdinfo-N.img, where N is the files_id of its core image, joined with files.img. */
import type { RecordedDescriptor } from '../archive/capture-record.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { FdinfoEntry, FileEntry } from '../criu/schemas/files.ts';
import type { Descriptor, OtherDescriptorKind } from './descriptors.ts';
import { type FileTable, type OpenFile, procPath } from './file-table.ts';
import type { ImageSet } from './image-set.ts';
import { toSocket } from './sockets.ts';
import type { UnreadBytes } from './unread-bytes.ts';

const FD_CLOEXEC = 1;

export interface DescriptorContext {
  readonly images: ImageSet;
  readonly files: FileTable;
  readonly unread: UnreadBytes;
}

/** Descriptors in ascending order of number. */
export async function readDescriptors(
  filesId: number,
  context: DescriptorContext,
): Promise<readonly Descriptor[]> {
  const { images, files } = context;
  const name = `fdinfo-${filesId}.img`;
  const descriptors = new Map<number, Descriptor>();
  if (!images.has(name)) images.notes.warn(`${name} is missing: the descriptors that it held are not known`);
  for (const { message } of await images.read(name, imageKinds.fdinfo)) {
    const open = files.get(message.id);
    if (open === undefined) {
      images.notes.warn(
        `descriptor ${message.fd} refers to file ${message.id}, which is not in the archive`,
        images.pathOf(name),
      );
    }
    descriptors.set(message.fd, await toDescriptor(message, open, context));
  }
  return [...descriptors.values()].sort((a, b) => a.fd - b.fd);
}

/** Joined with those of kinds that no image has a place for, such as an io_uring. */
export function withRecorded(
  descriptors: readonly Descriptor[],
  recorded: readonly RecordedDescriptor[],
): readonly Descriptor[] {
  const known = new Set(descriptors.map(({ fd }) => fd));
  const others = recorded.flatMap(({ fd, link }): readonly Descriptor[] => {
    if (known.has(fd)) return [];
    return [
      { fd, kind: 'unknown', path: link, flags: 0, closeOnExec: false, fileId: 0, location: undefined },
    ];
  });
  return [...descriptors, ...others].sort((a, b) => a.fd - b.fd);
}

async function toDescriptor(
  info: FdinfoEntry,
  open: OpenFile | undefined,
  { files, unread }: DescriptorContext,
): Promise<Descriptor> {
  const base = {
    fd: info.fd,
    closeOnExec: (info.flags & FD_CLOEXEC) !== 0,
    fileId: info.id,
    flags: open ? flagsOf(open.file, files) : 0,
    location: open?.location,
  };
  if (open === undefined) return { ...base, kind: 'unknown', path: '' };
  const { file } = open;
  const reference = files.referenceOf(open);
  if (reference) {
    const position = file.reg?.pos ?? file.memfd?.pos ?? 0n;
    return { ...base, kind: 'file', path: procPath(reference), file: reference, position };
  }
  const pipe = file.pipe ?? file.fifo;
  if (pipe) {
    const path = file.fifo ? pathOf(file.fifo.regf_id, files) : `pipe:[${pipe.pipe_id}]`;
    return { ...base, kind: 'pipe', path, pipeId: pipe.pipe_id, unreadBytes: unread.inPipe(pipe.pipe_id) };
  }
  if (file.tty) {
    const path = pathOf(file.tty.regf_id, files);
    return { ...base, kind: 'terminal', path, unreadBytes: unread.inTerminal(file.tty.tty_info_id) };
  }
  const socket = await toSocket(file, unread);
  // CRIU does not record the inode of packet sockets.
  if (socket) return { ...base, kind: 'socket', path: `socket:[${socket.inode || '?'}]`, socket };
  const [kind, path] = otherKind(file);
  return { ...base, kind, path };
}

function pathOf(id: number | undefined, files: FileTable): string {
  const reference = id === undefined ? undefined : files.reference(id);
  return reference ? procPath(reference) : '';
}

/** What /proc/PID/fd shows of files that have no path. */
function otherKind(file: FileEntry): [OtherDescriptorKind, string] {
  if (file.efd) return ['eventfd', 'anon_inode:[eventfd]'];
  if (file.epfd) return ['eventpoll', 'anon_inode:[eventpoll]'];
  if (file.sgfd) return ['signalfd', 'anon_inode:[signalfd]'];
  if (file.tfd) return ['timerfd', 'anon_inode:[timerfd]'];
  if (file.ify) return ['inotify', 'anon_inode:inotify'];
  if (file.ffy) return ['fanotify', 'anon_inode:[fanotify]'];
  if (file.nsf) return ['namespace', `${namespaceName(file.nsf.ns_cflag)}:[${file.nsf.ns_id}]`];
  if (file.pidfd) return ['pidfd', 'anon_inode:[pidfd]'];
  if (file.tunf) return ['tun', '/dev/net/tun'];
  if (file.bpf) return ['bpf-map', 'anon_inode:bpf-map'];
  return ['unknown', ''];
}

/** CLONE_NEW* flags (clone(2)). */
const NAMESPACE_FLAGS: Readonly<Record<number, string>> = {
  128: 'time',
  131072: 'mnt',
  33554432: 'cgroup',
  67108864: 'uts',
  134217728: 'ipc',
  268435456: 'user',
  536870912: 'pid',
  1073741824: 'net',
};
const namespaceName = (flag: number): string => NAMESPACE_FLAGS[flag] ?? 'namespace';

function flagsOf(file: FileEntry, files: FileTable): number {
  const fifoFile = file.fifo?.regf_id === undefined ? undefined : files.get(file.fifo.regf_id)?.file.reg;
  const kinds = [
    file.reg,
    file.memfd,
    file.pipe,
    fifoFile,
    file.isk,
    file.usk,
    file.psk,
    file.nlsk,
    file.tty,
  ];
  const events = [
    file.efd,
    file.epfd,
    file.sgfd,
    file.tfd,
    file.ify,
    file.ffy,
    file.nsf,
    file.pidfd,
    file.bpf,
  ];
  return [...kinds, ...events].find((kind) => kind !== undefined)?.flags ?? 0;
}
