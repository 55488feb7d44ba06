/** What both machines' register images are put together from. */

/** /proc/PID/task/TID/syscall of a thread that waits: its call, -1 for none, with the arguments, and where it stood. */
export interface CallFacts {
  readonly call: bigint;
  readonly args: readonly bigint[];
  readonly stack: bigint;
  readonly instruction: bigint;
}

const WAITING = /^(-?\d{1,10})((?: 0x[0-9a-f]{1,16}){2,8})$/;

/** Undefined for `running`, and where the kernel does not tell. */
export function parseCall(text: string | undefined): CallFacts | undefined {
  const match = WAITING.exec((text ?? '').trim());
  if (match === null) return undefined;
  const words = (match[2] ?? '').trim().split(' ').map(BigInt);
  const [stack = 0n, instruction = 0n] = words.slice(-2);
  return { call: BigInt(match[1] ?? -1), args: words.slice(0, -2), stack, instruction };
}

/** Little-endian words; what lies behind the end is not there. */
export function readWords32(bytes: Uint8Array, offset: number, count: number): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const there = Math.max(0, Math.min(count, Math.floor((bytes.length - offset) / 4)));
  return Array.from({ length: there }, (_, index) => view.getUint32(offset + index * 4, true));
}

export function readWords64(bytes: Uint8Array, offset: number, count: number): readonly bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const there = Math.max(0, Math.min(count, Math.floor((bytes.length - offset) / 8)));
  return Array.from({ length: there }, (_, index) => view.getBigUint64(offset + index * 8, true));
}
