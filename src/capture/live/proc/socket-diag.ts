/**
 * Answers of sock_diag(7): behind the message's header of 16 bytes a struct of the family, then attributes
 * (`u16 length, u16 type, value`, padded to 4). Source: linux/unix_diag.h, linux/inet_diag.h, linux/sock_diag.h.
 */
import type { NetlinkAnswer } from '../look/netlink.ts';

/** What only sock_diag knows of a socket. */
export interface SocketDetails {
  readonly inode: number;
  /** Bytes not read yet; of a listening socket, connections that wait. */
  readonly receiveQueue: number;
  /** Bytes that the other end has not read; of a listening socket, how many connections may wait. */
  readonly sendQueue: number;
  /** Bytes that the socket may hold; undefined where the kernel does not say. */
  readonly receiveBuffer: number | undefined;
  readonly sendBuffer: number | undefined;
  /** 1 reading, 2 writing, 3 both; 0 for neither. */
  readonly shutdown: number;
}

export interface UnixSocketDetails extends SocketDetails {
  readonly type: number;
  /** TCP_ESTABLISHED 1, TCP_CLOSE 7, TCP_LISTEN 10. */
  readonly state: number;
  /** As it was bound: a path without its end, or an abstract name behind a NUL; empty for none. */
  readonly name: Uint8Array;
  /** The inode of the other end; 0 for none. */
  readonly peer: number;
}

const HEADER = 16;
const UNIX_STRUCT = 16;
const INTERNET_STRUCT = 72;
const UNIX = { name: 0, peer: 2, queues: 4, memory: 5, shutdown: 6 } as const;
const INTERNET = { memory: 7, shutdown: 8 } as const;
/** Words of the memory attribute: SK_MEMINFO_RCVBUF and _SNDBUF. */
const RECEIVE_BUFFER = 1;
const SEND_BUFFER = 3;

export function parseUnixDiag(answer: NetlinkAnswer): readonly UnixSocketDetails[] {
  return answer.flatMap((message) => {
    if (message.length < HEADER + UNIX_STRUCT) return [];
    const attributes = attributesOf(message.subarray(HEADER + UNIX_STRUCT));
    const queues = attributes.get(UNIX.queues);
    return [
      {
        inode: word(message, HEADER + 4),
        type: message[HEADER + 1] ?? 0,
        state: message[HEADER + 2] ?? 0,
        name: attributes.get(UNIX.name) ?? new Uint8Array(),
        peer: word(attributes.get(UNIX.peer), 0),
        receiveQueue: word(queues, 0),
        sendQueue: word(queues, 4),
        ...buffersOf(attributes.get(UNIX.memory)),
        shutdown: attributes.get(UNIX.shutdown)?.[0] ?? 0,
      },
    ];
  });
}

export function parseInternetDiag(answer: NetlinkAnswer): readonly SocketDetails[] {
  return answer.flatMap((message) => {
    if (message.length < HEADER + INTERNET_STRUCT) return [];
    const attributes = attributesOf(message.subarray(HEADER + INTERNET_STRUCT));
    return [
      {
        inode: word(message, HEADER + 68),
        receiveQueue: word(message, HEADER + 56),
        sendQueue: word(message, HEADER + 60),
        ...buffersOf(attributes.get(INTERNET.memory)),
        shutdown: attributes.get(INTERNET.shutdown)?.[0] ?? 0,
      },
    ];
  });
}

function buffersOf(memory: Uint8Array | undefined) {
  if (memory === undefined) return { receiveBuffer: undefined, sendBuffer: undefined };
  return { receiveBuffer: word(memory, RECEIVE_BUFFER * 4), sendBuffer: word(memory, SEND_BUFFER * 4) };
}

function attributesOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    if (length < 4 || at + length > bytes.length) break;
    found.set((bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8), bytes.subarray(at + 4, at + length));
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}

/** A 32-bit number of the machine's order, which is little-endian everywhere that this runs; 0 where there is none. */
function word(bytes: Uint8Array | undefined, at: number): number {
  if (bytes === undefined || at + 4 > bytes.length) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}
