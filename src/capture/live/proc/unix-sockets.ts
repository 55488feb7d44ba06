/**
 * /proc/PID/net/unix (proc(5)): after a heading, `Num RefCount Protocol Flags Type St Inode [Path]`. The kernel writes names
 * as they are but for NUL, which it shows as `@`; so a name with a line feed can forge a line, and an inode that stands there
 * twice is believed in neither place. Who is at the other end is not told.
 */

export interface UnixSocketLine {
  readonly inode: number;
  /** SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5. */
  readonly type: number;
  readonly state: 'listening' | 'connected' | 'unconnected';
  /** As the file shows it: a path, or behind `@` an abstract name; empty for none. */
  readonly name: string;
}

export interface UnixSocketTable {
  readonly sockets: ReadonlyMap<number, UnixSocketLine>;
  /** Inodes that more than one line claims. */
  readonly ambiguous: ReadonlySet<number>;
}

/** `__SO_ACCEPTCON` of include/uapi/linux/net.h. */
const ACCEPTS_CONNECTIONS = 0x10000;
/** `SS_CONNECTED` of the same. */
const CONNECTED = 3;

const LINE =
  /^[0-9a-f]{8,16}: [0-9A-F]{8} [0-9A-F]{8} ([0-9A-F]{8}) ([0-9A-F]{4}) ([0-9A-F]{2}) {1,9}(\d{1,10})(?: (.*))?$/;

export function parseUnixSockets(text: string | undefined): UnixSocketTable {
  const sockets = new Map<number, UnixSocketLine>();
  const ambiguous = new Set<number>();
  for (const line of (text ?? '').split('\n')) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const socket = readLine(match);
    if (sockets.has(socket.inode)) ambiguous.add(socket.inode);
    sockets.set(socket.inode, socket);
  }
  for (const inode of ambiguous) sockets.delete(inode);
  return { sockets, ambiguous };
}

function readLine([, flags, type, state, inode, name = '']: RegExpExecArray): UnixSocketLine {
  const listens = (Number.parseInt(flags ?? '0', 16) & ACCEPTS_CONNECTIONS) !== 0;
  const connected = Number.parseInt(state ?? '0', 16) === CONNECTED;
  return {
    inode: Number(inode),
    type: Number.parseInt(type ?? '0', 16),
    state: listens ? 'listening' : connected ? 'connected' : 'unconnected',
    name,
  };
}
