/**
 * Bytes that wait in unix stream sockets to be read: recv(2) with MSG_PEEK leaves them there. Of datagrams only the first can be
 * looked at without changing the socket, and of TCP CRIU's image wants more than anybody else is told: neither is read.
 * Descriptors that travel with the bytes end what is seen. Asked with borrowed descriptors.
 */
import type { BorrowDescriptor } from './borrowed-descriptor.ts';
import type { CLibrary } from './c-library.ts';
import type { GatheredProcess } from './gathered.ts';
import type { SocketOptions } from './socket-options.ts';

export interface StreamQueues {
  /** By the link of the descriptor, `socket:[12]`; only those in which something waits. */
  readonly queues: ReadonlyMap<string, Uint8Array>;
  readonly gaps: readonly string[];
}

/** Of all of them, in memory while the container stands still; one has some 200 KiB by default. */
const MAX_BYTES = 16 * 1024 * 1024;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const MSG_PEEK = 0x2;
const MSG_DONTWAIT = 0x40;
const FIONREAD = 0x541b;

export function readStreamQueues(
  library: CLibrary,
  borrow: BorrowDescriptor,
  processes: readonly GatheredProcess[],
  sockets: ReadonlyMap<string, SocketOptions>,
): StreamQueues {
  const peek = streamPeeker(library);
  const queues = new Map<string, Uint8Array>();
  const seen = new Set<string>();
  let left = MAX_BYTES;
  let unread = 0;
  for (const { pid, descriptors } of processes) {
    for (const { fd, link } of descriptors) {
      const values = sockets.get(link)?.values;
      const isStream = values?.get('domain') === AF_UNIX && values.get('type') === SOCK_STREAM;
      if (!isStream || seen.has(link)) continue;
      seen.add(link);
      const found = borrow(pid, fd, (own) => peek(own, left));
      if (found === undefined || found.missing > 0) unread += 1;
      if (found === undefined || found.bytes.length === 0) continue;
      queues.set(link, found.bytes);
      left -= found.bytes.length;
    }
  }
  const gaps = unread === 0 ? [] : [`not all that waits in ${unread} unix sockets was read`];
  return { queues, gaps };
}

interface Peeked {
  readonly bytes: Uint8Array;
  /** Bytes that wait behind them. */
  readonly missing: number;
}

function streamPeeker(library: CLibrary): (own: number, limit: number) => Peeked {
  const ioctl = library.function('int ioctl(int, unsigned long, void *)');
  const recv = library.function('intptr_t recv(int, void *, size_t, int)');
  const count = new Int32Array(1);
  return (own, limit) => {
    count[0] = 0;
    // A listening socket has none.
    ioctl(own, FIONREAD, new Uint8Array(count.buffer));
    const [waiting = 0] = count;
    if (waiting <= 0) return { bytes: new Uint8Array(), missing: 0 };
    const bytes = new Uint8Array(Math.min(waiting, limit));
    const read = Math.max(0, Number(recv(own, bytes, bytes.length, MSG_PEEK | MSG_DONTWAIT)));
    return { bytes: bytes.subarray(0, read), missing: waiting - read };
  };
}
