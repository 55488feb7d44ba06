import type { Process } from '../checkpoint/checkpoint.ts';
import type { Descriptor, Socket } from '../checkpoint/descriptors.ts';
import type { InspectedFile, InspectedSocket, InspectedSocketData } from './inspection-shape.ts';

/** CRIU's names of descriptor kinds (`fd_types` in its images/fdinfo.proto), which checkpointctl prints. */
const CRIU_TYPES: Readonly<Record<Exclude<Descriptor['kind'], 'file' | 'pipe' | 'socket'>, string>> = {
  terminal: 'TTY',
  eventfd: 'EVENTFD',
  eventpoll: 'EVENTPOLL',
  signalfd: 'SIGNALFD',
  timerfd: 'TIMERFD',
  inotify: 'INOTIFY',
  fanotify: 'FANOTIFY',
  namespace: 'NS',
  pidfd: 'PIDFD',
  tun: 'TUNF',
  'bpf-map': 'BPFMAP',
  unknown: 'UND',
};

/** The descriptors of a process, then its working directory and root, as checkpointctl lists them. */
export async function inspectFiles(process: Process): Promise<readonly InspectedFile[]> {
  const descriptors = await process.descriptors();
  const files: InspectedFile[] = descriptors.map(inspectFile);
  for (const [fd, reference] of [
    ['cwd', process.workingDirectory],
    ['root', process.root],
  ] as const) {
    if (!reference) continue;
    const { path, deleted, location } = reference;
    files.push({
      type: '',
      fd,
      path,
      target: deleted ? `${path} (deleted)` : path,
      ...(deleted && { deleted }),
      ...(location && { source: location }),
    });
  }
  return files;
}

function inspectFile(descriptor: Descriptor): InspectedFile {
  const { fd, fileId, path, flags, closeOnExec, location } = descriptor;
  const type = criuType(descriptor);
  const common = {
    type,
    fd: `${type} ${fd}`,
    path: checkpointctlPath(descriptor, type),
    target: path,
    number: fd,
    flags: `0${flags.toString(8)}`,
    close_on_exec: closeOnExec,
    file_id: fileId,
    ...(location && { source: location }),
  };
  switch (descriptor.kind) {
    case 'file': {
      const { deleted, memfd } = descriptor.file;
      return { ...common, deleted, memfd, position: descriptor.position };
    }
    case 'pipe':
    case 'terminal':
      return { ...common, unread_bytes: descriptor.unreadBytes };
    case 'socket':
      return { ...common, unread_bytes: descriptor.socket.unreadBytes };
    default:
      return common;
  }
}

function criuType(descriptor: Descriptor): string {
  switch (descriptor.kind) {
    case 'file':
      return 'REG';
    case 'pipe':
      return descriptor.path.startsWith('pipe:') ? 'PIPE' : 'FIFO';
    case 'socket':
      return socketType(descriptor.socket);
    default:
      return CRIU_TYPES[descriptor.kind];
  }
}

function socketType(socket: Socket): string {
  switch (socket.family) {
    case 'ipv4':
    case 'ipv6':
      return 'INETSK';
    case 'unix':
      return 'UNIXSK';
    case 'packet':
      return 'PACKETSK';
    case 'netlink':
      return 'NETLINKSK';
    case 'unknown':
      return 'UND';
  }
}

/** go-criu's getFilePath: a name for regular files, pipes and unix sockets, and TYPE.ID for everything else. */
function checkpointctlPath(descriptor: Descriptor, type: string): string {
  if (descriptor.kind === 'file') return descriptor.file.path;
  if (descriptor.kind === 'pipe' && type === 'PIPE') return `pipe[${descriptor.pipeId}]`;
  if (descriptor.kind === 'socket' && descriptor.socket.family === 'unix') {
    const { inode, peerInode, name } = descriptor.socket;
    return `unix[${inode} (${peerInode}) ${name}]`;
  }
  return `${type}.${descriptor.fileId}`;
}

/** The sockets of a process, in the order of their descriptors; a socket that was duplicated occurs once for each. */
export async function inspectSockets(process: Process): Promise<readonly InspectedSocket[]> {
  const descriptors = await process.descriptors();
  return descriptors.flatMap((descriptor) =>
    descriptor.kind === 'socket' ? [inspectSocket(descriptor)] : [],
  );
}

function inspectSocket({
  socket,
  fd,
  fileId,
  location,
}: Descriptor & { readonly kind: 'socket' }): InspectedSocket {
  return {
    ...protocolAndData(socket),
    fd,
    family: socket.family,
    inode: socket.inode,
    file_id: fileId,
    unread_bytes: socket.unreadBytes,
    unsent_bytes: socket.unsentBytes,
    send_buffer_size: socket.sendBuffer,
    receive_buffer_size: socket.receiveBuffer,
    ...(location && { source: location }),
  };
}

type ProtocolAndData = Pick<
  InspectedSocket,
  'protocol' | 'data' | 'socket_type' | 'socket_state' | 'peer_inode' | 'interface'
>;

function protocolAndData(socket: Socket): ProtocolAndData {
  switch (socket.family) {
    case 'ipv4':
    case 'ipv6': {
      const protocol = socket.protocol.toUpperCase();
      const data: InspectedSocketData = {
        type: protocol,
        state: checkpointctlState(socket.state),
        src: socket.sourceAddress,
        ...(socket.sourcePort !== 0 && { src_port: socket.sourcePort }),
        dst: socket.destinationAddress,
        ...(socket.destinationPort !== 0 && { dst_port: socket.destinationPort }),
        ...buffers(socket),
      };
      return {
        protocol,
        data,
        ...(socket.interfaceName !== undefined && { interface: socket.interfaceName }),
      };
    }
    case 'unix':
      return {
        data: { type: 'UNIX', ...(socket.name !== '' && { address: socket.name }) },
        socket_type: socket.type,
        socket_state: socket.state,
        peer_inode: socket.peerInode,
      };
    default:
      return { data: buffers(socket), socket_type: socket.type };
  }
}

/** checkpointctl's words where they differ from those of `ss`. */
function checkpointctlState(state: string): string {
  const name = state.replaceAll('-', '_');
  const words: Readonly<Record<string, string>> = {
    SYN_RECV: 'SYN_RECEIVED',
    FIN_WAIT1: 'FIN_WAIT_1',
    FIN_WAIT2: 'FIN_WAIT_2',
  };
  return words[name] ?? name;
}

const buffers = ({
  sendBuffer,
  receiveBuffer,
}: Socket): Pick<InspectedSocketData, 'send_buf' | 'recv_buf'> => ({
  send_buf: criuBytes(sendBuffer),
  recv_buf: criuBytes(receiveBuffer),
});

/** go-criu's countBytes: powers of 1024 under the names of powers of 1000. */
function criuBytes(bytes: number): string {
  let value = bytes;
  let unit = -1;
  for (; value >= 1024 && unit < 5; unit++) value /= 1024;
  return unit < 0 ? `${bytes} B` : `${value.toFixed(1)} ${'KMGTPE'.charAt(unit)}B`;
}
