/**
 * What one piece of memory is read with. process_vm_readv(2) takes many ranges a call and copies each page once, where
 * /proc/PID/mem copies it twice, through a page of the kernel's own, and takes one range a call. It does not read what the
 * process itself may not, which /proc/PID/mem does. Called through koffi, on a thread of libuv's.
 */
import { type Koffi, loadKoffi } from '../../../bytes/node-koffi.ts';

/** Pages that follow each other, counted from address (or offset) 0. */
export interface PageRange {
  readonly start: number;
  readonly pages: number;
}

export interface CopyLane {
  /** Takes the pages, and is written from. */
  readonly piece: Uint8Array;
  /**
   * Reads ranges of a process's memory to the start of `piece`, one behind the other. Resolves with how many bytes it has:
   * fewer than asked for where the first page is that cannot be read so, 0 where nothing can. Never rejects. Undefined where
   * koffi is not installed.
   */
  readonly readProcess:
    | ((pid: number, ranges: readonly PageRange[], pageSize: number) => Promise<number>)
    | undefined;
}

/** Large enough that the cost of a call on another thread does not count, small enough to stay in the processor's caches. */
const PIECE_BYTES = 2 * 1024 * 1024;
/** While one piece is read, the other is written: file systems let one writer at a time into a file. */
const LANES = 2;
/** Ranges of a call: UIO_MAXIOV of the kernel. */
export const MAX_RANGES = 1024;
/** `struct iovec`: address and length. */
const VECTOR_BYTES = 16;

/** To be called before a container stands: what is made here costs time. */
export function openLanes(load: () => Koffi = loadKoffi): readonly CopyLane[] {
  const read = bindRead(load);
  return Array.from({ length: LANES }, () => {
    // Filled, so that its pages are there already.
    const piece = Buffer.allocUnsafeSlow(PIECE_BYTES).fill(0);
    return { piece, readProcess: read && reader(read, piece) };
  });
}

interface ReadCall {
  readonly call: (...values: readonly (number | bigint)[]) => Promise<number>;
  readonly addressOf: (bytes: Uint8Array) => bigint;
}

function bindRead(load: () => Koffi): ReadCall | undefined {
  try {
    const koffi = load();
    const { async: start } = koffi
      .load(null)
      .func(
        'long process_vm_readv(int pid, uintptr_t local, unsigned long locals, uintptr_t remote, unsigned long remotes, unsigned long flags)',
      );
    const call: ReadCall['call'] = (...values) =>
      new Promise((resolve) => start(...values, (error, value) => resolve(error ? -1 : value)));
    return { call, addressOf: (bytes) => koffi.address(bytes) };
  } catch {
    return undefined;
  }
}

function reader({ call, addressOf }: ReadCall, piece: Uint8Array): NonNullable<CopyLane['readProcess']> {
  const vectors = Buffer.alloc((1 + MAX_RANGES) * VECTOR_BYTES);
  const view = new DataView(vectors.buffer, vectors.byteOffset, vectors.length);
  const [into, local] = [addressOf(piece), addressOf(vectors)];
  return async (pid, ranges, pageSize) => {
    let bytes = 0;
    for (const [index, { start, pages }] of ranges.entries()) {
      view.setBigUint64((1 + index) * VECTOR_BYTES, BigInt(start) * BigInt(pageSize), true);
      view.setBigUint64((1 + index) * VECTOR_BYTES + 8, BigInt(pages * pageSize), true);
      bytes += pages * pageSize;
    }
    view.setBigUint64(0, into, true);
    view.setBigUint64(8, BigInt(bytes), true);
    const read = await call(pid, local, 1, local + BigInt(VECTOR_BYTES), ranges.length, 0);
    return Math.floor(Math.max(0, read) / pageSize) * pageSize;
  };
}
