/**
 * Asks the kernel through netlink sockets, in the network namespace of a container, what /proc/net does not have. Node has no
 * such sockets.
 *
 * A socket belongs to the namespace that its maker was in. So it is made from within the container's. Source: netlink(7),
 * linux/netlink.h.
 */
import { closeSync } from 'node:fs';
import { concat } from '../../../bytes/concat.ts';
import type { CLibrary } from './c-library.ts';
import type { EnterNamespace, NamespacePlace } from './enter-namespace.ts';

/** What a kernel answered: whole messages with their headers, `u32 length, u16 type, u16 flags, u32 sequence, u32 port`. */
export type NetlinkAnswer = readonly Uint8Array[];

export interface Netlink {
  /**
   * Opens a channel into the network namespace of a process. Throws an Error where it cannot, and what `EnterNamespace`
   * throws.
   */
  open(place: NamespacePlace, protocol: number): NetlinkChannel;
}

export interface NetlinkChannel {
  /** Asks for a list: all answers but the one that ends it. Throws when the kernel refuses. */
  list(type: number, payload: Uint8Array): NetlinkAnswer;
  close(): void;
}

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 16;
/** The kernel fills buffers of 32 KiB at most (netlink_dump). */
const BUFFER_BYTES = 64 * 1024;
/** Of one list: some 80,000 sockets. All lists of a namespace are in memory at once, while the container stands still. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

type Call = ReturnType<CLibrary['function']>;

interface Calls {
  readonly socket: Call;
  readonly send: Call;
  readonly recv: Call;
  errno(): number;
}

export function openNetlink(library: CLibrary, enter: EnterNamespace): Netlink {
  const calls: Calls = {
    socket: library.function('int socket(int, int, int)'),
    send: library.function('intptr_t send(int, const void *, size_t, int)'),
    recv: library.function('intptr_t recv(int, void *, size_t, int)'),
    errno: library.errno,
  };
  return {
    open: (place, protocol) =>
      channelOf(
        calls,
        enter('net', place, () => openSocket(calls, protocol)),
      ),
  };
}

function channelOf(calls: Calls, descriptor: number): NetlinkChannel {
  return {
    list(type, payload) {
      const request = requestOf(type, payload);
      if (Number(calls.send(descriptor, request, request.length, 0)) < 0)
        throw new Error(`netlink request ${type}: error ${calls.errno()}`);
      return receive(calls, descriptor);
    },
    close: () => closeSync(descriptor),
  };
}

function openSocket(calls: Calls, protocol: number): number {
  const descriptor = Number(calls.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (descriptor < 0) throw new Error(`netlink socket: error ${calls.errno()}`);
  return descriptor;
}

function requestOf(type: number, payload: Uint8Array): Uint8Array {
  const request = Buffer.alloc(HEADER);
  request.writeUInt32LE(HEADER + payload.length, 0);
  request.writeUInt16LE(type, 4);
  request.writeUInt16LE(NLM_F_REQUEST | NLM_F_DUMP, 6);
  return concat([request, payload]);
}

/** A list is made while it is received: nothing has to be waited for. */
function receive(calls: Calls, descriptor: number): NetlinkAnswer {
  const messages: Uint8Array[] = [];
  const buffer = Buffer.alloc(BUFFER_BYTES);
  for (let total = 0; total < MAX_ANSWER_BYTES; ) {
    const count = Number(calls.recv(descriptor, buffer, buffer.length, MSG_DONTWAIT));
    if (count <= 0) break;
    total += count;
    for (const message of splitMessages(Uint8Array.prototype.slice.call(buffer, 0, count))) {
      const type = typeOf(message);
      if (type === NLMSG_DONE) return messages;
      if (type === NLMSG_ERROR) throw new Error(`the kernel refused: error ${errorOf(message)}`);
      messages.push(message);
    }
  }
  throw new Error(`the answer of the kernel has no end, or more than ${MAX_ANSWER_BYTES} bytes`);
}

/** Whole messages, one behind the other, each from a multiple of 4 on. */
export function splitMessages(bytes: Uint8Array): NetlinkAnswer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: Uint8Array[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) break;
    messages.push(bytes.subarray(at, at + length));
    at += Math.ceil(length / 4) * 4;
  }
  return messages;
}

const typeOf = (message: Uint8Array): number => (message[4] ?? 0) | ((message[5] ?? 0) << 8);

const errorOf = (message: Uint8Array): number =>
  message.length < HEADER + 4
    ? 0
    : -new DataView(message.buffer, message.byteOffset, message.length).getInt32(HEADER, true);
