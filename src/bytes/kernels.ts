/*
 * The kernels of kernels/bytes.ts for the rest of the program: byte work in WebAssembly with SIMD. Measured on 1 GiB in
 * memory (docs/performance.md): finding a text takes 0.1 s, with `Buffer.indexOf` 0.4 s. Bytes are copied into the kernels'
 * own memory in blocks that stay in the processor's cache, which costs less than the cache misses of a second look.
 */
import { KERNEL_CODE } from './kernel-code.ts';

/** Bytes that one call works on, at most; as BLOCK in kernels/bytes.ts. */
export const KERNEL_BLOCK = 128 * 1024;
/** The longest pattern; as NEEDLE there. */
export const MAX_KERNEL_PATTERN = 64 * 1024;

/** What the module exports: offsets of the rooms in its memory, and the kernels. */
interface KernelExports {
  readonly memory: WebAssembly.Memory;
  inputOffset(): number;
  patternOffset(): number;
  outputOffset(): number;
  findAll(length: number, patternLength: number, first: number, second: number): number;
  findRuns(length: number, minimum: number, isLinked: boolean): number;
  countBytes(length: number): void;
  writeHexRows(rows: number, high: number, low: number): void;
}

interface Kernels extends KernelExports {
  /** Where bytes to work on, a pattern, and results lie. */
  readonly input: Uint8Array;
  readonly pattern: Uint8Array;
  readonly output: Uint8Array;
}

let loaded: Kernels | undefined;

/** Compiled when first needed: it takes about a millisecond, and most commands never need it. */
function kernels(): Kernels {
  loaded ??= load();
  return loaded;
}

function load(): Kernels {
  const code = Uint8Array.from(atob(KERNEL_CODE), (character) => character.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  const functions = exports as unknown as KernelExports;
  // Its memory never grows, so that views of it stay valid.
  const roomAt = (offset: number): Uint8Array => new Uint8Array(functions.memory.buffer, offset);
  return {
    ...functions,
    input: roomAt(functions.inputOffset()),
    pattern: roomAt(functions.patternOffset()),
    output: roomAt(functions.outputOffset()),
  };
}

/**
 * Every offset in `[from, limit)` of `bytes` at which `pattern` stands, ascending, also where matches overlap. At most
 * KERNEL_BLOCK offsets are looked at in one call; the pattern has 1 to MAX_KERNEL_PATTERN bytes. `probes` are two places of the
 * pattern, ascending, whose bytes are seldom: they decide where the others are compared.
 */
export function findAll(
  bytes: Uint8Array,
  from: number,
  limit: number,
  pattern: Uint8Array,
  probes: readonly [number, number],
): Uint32Array {
  const { input, pattern: room, output, findAll: find } = kernels();
  const length = Math.min(limit, bytes.length - pattern.length + 1) - from;
  if (length <= 0) return new Uint32Array(0);
  room.set(pattern);
  input.set(bytes.subarray(from, from + length + pattern.length - 1));
  const count = find(length, pattern.length, ...probes);
  return new Uint32Array(output.buffer, output.byteOffset, count).map((offset) => from + offset);
}

/** What bytes make a run, as `findRuns` takes it. */
export interface RunSet {
  readonly masks: Uint8Array;
  /** A byte must also be able to follow the one before it. */
  readonly isLinked: boolean;
}

/** What a byte is in UTF-8; none: it stands in no run. */
export type ByteKind = 'none' | 'one-byte' | 'lead' | 'continuation';

/**
 * Runs of the bytes for which `isMember` is true. Throws RangeError when more than eight of its sixteen rows (bytes of one
 * high half) differ: the kernel has a bit for each.
 */
export function runSet(isMember: (byte: number) => boolean): RunSet {
  return { masks: masksOf((byte) => (isMember(byte) ? 'one-byte' : 'none')), isLinked: false };
}

/**
 * Runs of bytes of which each can follow the one before: a continuation a lead or another continuation, every other one a
 * single byte or a continuation. Throws RangeError as `runSet`, for the rows of each kind together.
 */
export function linkedRunSet(kindOf: (byte: number) => ByteKind): RunSet {
  return { masks: masksOf(kindOf), isLinked: true };
}

/** The two tables of the kernel, and behind them the bits of each kind. */
function masksOf(kindOf: (byte: number) => ByteKind): Uint8Array {
  const masks = new Uint8Array(32 + 3);
  const bits = new Map<string, number>();
  for (const [index, kind] of (['one-byte', 'lead', 'continuation'] as const).entries()) {
    for (let high = 0; high < 16; high++) {
      const lows = Array.from({ length: 16 }, (_, low) => low).filter(
        (low) => kindOf(high * 16 + low) === kind,
      );
      if (lows.length === 0) continue;
      const row = `${kind} ${lows.join()}`;
      const bit = bits.get(row) ?? bits.size;
      if (bit > 7) throw new RangeError('a set of bytes has more than eight different rows');
      bits.set(row, bit);
      for (const place of [16 + high, 32 + index, ...lows]) masks[place] = (masks[place] ?? 0) | (1 << bit);
    }
  }
  return masks;
}

/**
 * The runs of at least `minimum` bytes (2 where they are linked) in `[from, from + KERNEL_BLOCK)` of `bytes`, ascending:
 * where each begins and ends, in turns. A run that the block cuts is told as far as it lies inside, and only when that is
 * long enough.
 */
export function findRuns(bytes: Uint8Array, from: number, set: RunSet, minimum: number): Uint32Array {
  const { input, pattern, output, findRuns: find } = kernels();
  const block = bytes.subarray(from, from + KERNEL_BLOCK);
  pattern.set(set.masks);
  input.set(block);
  // Linked is every byte of a run but its first.
  const before = set.isLinked ? 1 : 0;
  const count = find(block.length, minimum - before, set.isLinked);
  return new Uint32Array(output.buffer, output.byteOffset, count * 2).map((offset, index) =>
    index % 2 === 0 ? from + offset - before : from + offset,
  );
}

/** Adds to `counts` how often each of the 256 values is among the bytes, however many they are. */
export function countBytes(bytes: Uint8Array, counts: Float64Array): void {
  const { input, output, countBytes: count } = kernels();
  const counted = new Uint32Array(output.buffer, output.byteOffset, 256);
  for (let from = 0; from < bytes.length; from += KERNEL_BLOCK) {
    const block = bytes.subarray(from, from + KERNEL_BLOCK);
    input.set(block);
    count(block.length);
    for (let value = 0; value < 256; value++) {
      counts[value] = (counts[value] as number) + (counted[value] as number);
    }
  }
}

/**
 * The rows of a hex dump (analysis/hex-rows.ts says what they look like) of at most KERNEL_BLOCK bytes, a multiple of 16, at
 * the address `high` * 2³² + `low`. A view of the kernels' memory: it is valid until the next call of any kernel.
 */
export function hexRowsOf(bytes: Uint8Array, high: number, low: number, rowLength: number): Uint8Array {
  const { input, output, writeHexRows } = kernels();
  input.set(bytes);
  const rows = bytes.length / 16;
  writeHexRows(rows, high, low);
  return output.subarray(0, rows * rowLength);
}
