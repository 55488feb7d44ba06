/** Ways to damage bytes as disks, attackers and other programs do. Each returns a new buffer. */
import type { Random } from './random.ts';

/** Values at which lengths, counts and signs go wrong, little-endian, in 1, 2, 4 and 8 bytes. */
const EDGES: readonly Uint8Array[] = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
].flatMap((value) => [1, 2, 4, 8].map((length) => littleEndian(value, length)));

/** Varints whose values, as lengths or numbers of fields, no honest writer has; and one that never ends. */
const VARINTS: readonly Uint8Array[] = [
  '00',
  '7f',
  'ffff7f',
  'ffffffff0f',
  'ffffffffffffffff7f',
  'ffffffffffffffffff01',
  'ffffffffffffffffffffff',
].map((digits) => Buffer.from(digits, 'hex'));

type Mutation = (bytes: Buffer, random: Random, others: readonly Uint8Array[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => overwrite(bytes, random.below(bytes.length), Buffer.of(random.below(256))),
  (bytes, random) => flipBit(bytes, random.below(bytes.length), random.below(8)),
  (bytes, random) => overwrite(bytes, random.below(bytes.length), random.pick(EDGES)),
  (bytes, random) => overwrite(bytes, random.below(bytes.length), random.pick(VARINTS)),
  (bytes, random) => splice(bytes, random.below(bytes.length), 0, random.pick(VARINTS)),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => splice(bytes, random.below(bytes.length), 1 + random.below(32), Buffer.alloc(0)),
  (bytes, random) => splice(bytes, random.below(bytes.length), 0, piece(bytes, random)),
  (bytes, random, others) =>
    splice(bytes, random.below(bytes.length), 0, piece(Buffer.from(random.pick(others)), random)),
  (bytes, random) =>
    overwrite(
      bytes,
      random.below(bytes.length),
      Buffer.alloc(1 + random.below(64), random.pick([0, 0xff, 0x41])),
    ),
];

/** A copy with one to four damages. `others`: what pieces may be taken from. */
export function mutate(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let left = 1 + random.below(4); left > 0; left--) {
    // Nothing can be changed in nothing, but something can come into it.
    if (mutated.length === 0) mutated = Buffer.from(piece(Buffer.from(random.pick(others)), random));
    else mutated = random.pick(MUTATIONS)(mutated, random, others);
  }
  return mutated;
}

function littleEndian(value: bigint, length: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes.subarray(0, length);
}

function overwrite(bytes: Buffer, at: number, value: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(value.subarray(0, copy.length - at), at);
  return copy;
}

function flipBit(bytes: Buffer, at: number, bit: number): Buffer {
  return overwrite(bytes, at, Buffer.of((bytes[at] ?? 0) ^ (1 << bit)));
}

function splice(bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
}

function piece(bytes: Buffer, random: Random): Uint8Array {
  const start = random.below(bytes.length + 1);
  return bytes.subarray(start, start + random.below(256));
}
