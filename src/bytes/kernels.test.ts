import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ByteKind,
  countBytes,
  findAll,
  findRuns,
  KERNEL_BLOCK,
  linkedRunSet,
  MAX_KERNEL_PATTERN,
  runSet,
} from './kernels.ts';

/** By the definition. */
function places(bytes: Uint8Array, from: number, limit: number, pattern: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = from; at < limit && at + pattern.length <= bytes.length; at++) {
    if (pattern.every((byte, index) => bytes[at + index] === byte)) found.push(at);
  }
  return found;
}

const FEW_BYTES = fc.constantFrom(0, 1, 0x61, 0xff);

describe('findAll', () => {
  it('finds what stands there by the definition, whichever two places it probes', () => {
    const memory = fc.array(FEW_BYTES, { maxLength: 300, size: 'max' });
    const pattern = fc.array(FEW_BYTES, { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        memory,
        pattern,
        fc.nat(310),
        fc.nat(310),
        fc.nat(19),
        fc.nat(19),
        (all, part, a, b, x, y) => {
          const bytes = Uint8Array.from(all);
          const needle = Uint8Array.from(part);
          const [from, limit] = [Math.min(a, b), Math.max(a, b)];
          const probes = [x % part.length, y % part.length].sort((one, other) => one - other);
          expect([...findAll(bytes, from, limit, needle, probes as [number, number])]).toEqual(
            places(bytes, from, limit, needle),
          );
        },
      ),
    );
  });

  it('finds a match at every place of a block, and not what an earlier call left in its memory', () => {
    const full = findAll(new Uint8Array(KERNEL_BLOCK + 1), 0, KERNEL_BLOCK, Uint8Array.of(0, 0), [0, 1]);
    expect(full).toHaveLength(KERNEL_BLOCK);
    expect(full.at(-1)).toBe(KERNEL_BLOCK - 1);
    expect(findAll(Uint8Array.of(0), 0, KERNEL_BLOCK, Uint8Array.of(0, 0), [0, 1])).toHaveLength(0);
  });

  it('finds the longest pattern where it begins on the last byte of a block', () => {
    const needle = new Uint8Array(MAX_KERNEL_PATTERN).fill(7);
    needle[MAX_KERNEL_PATTERN - 1] = 8;
    const bytes = new Uint8Array(KERNEL_BLOCK - 1 + MAX_KERNEL_PATTERN);
    bytes.set(needle, KERNEL_BLOCK - 1);
    const last = MAX_KERNEL_PATTERN - 1;
    expect([...findAll(bytes, 0, KERNEL_BLOCK, needle, [last, last])]).toEqual([KERNEL_BLOCK - 1]);
  });
});

/** By the definition. */
function runs(bytes: Uint8Array, isMember: (byte: number) => boolean, minimum: number): number[] {
  const found: number[] = [];
  let start = 0;
  for (let at = 0; at <= bytes.length; at++) {
    const byte = bytes[at];
    if (byte !== undefined && isMember(byte)) continue;
    if (at - start >= minimum) found.push(start, at);
    start = at + 1;
  }
  return found;
}

function utf8KindOf(byte: number): ByteKind {
  if ((byte >= 0x20 && byte < 0x7f) || byte === 9) return 'one-byte';
  if (byte >= 0x80 && byte < 0xc0) return 'continuation';
  return byte >= 0xc2 && byte < 0xf5 ? 'lead' : 'none';
}

function canFollow(first: ByteKind, second: ByteKind): boolean {
  if (first === 'none' || second === 'none') return false;
  if (first === 'lead') return second === 'continuation';
  return !(first === 'one-byte' && second === 'continuation');
}

/** By the definition. */
function linkedRuns(bytes: readonly number[], minimum: number): number[] {
  const found: number[] = [];
  let start = 0;
  for (let at = 1; at <= bytes.length; at++) {
    if (at < bytes.length && canFollow(utf8KindOf(bytes[at - 1] ?? 0), utf8KindOf(bytes[at] ?? 0))) continue;
    if (at - start >= minimum) found.push(start, at);
    start = at;
  }
  return found;
}

const SETS: readonly ((byte: number) => boolean)[] = [
  (byte) => (byte >= 0x20 && byte < 0x7f) || byte === 9,
  (byte) => byte >= 0x80 && byte !== 0xc0,
  (byte) => byte % 3 === 0 && byte < 0x60,
  () => true,
  () => false,
];

describe('findRuns', () => {
  it('finds the runs by the definition, of any length and at any place', () => {
    const parts = fc.array(fc.tuple(fc.constantFrom(0, 9, 0x41, 0x7f, 0x81, 0xc0), fc.nat(90)), {
      maxLength: 25,
    });
    fc.assert(
      fc.property(
        parts,
        fc.constantFrom(...SETS),
        fc.integer({ min: 1, max: 150 }),
        (all, isMember, minimum) => {
          const bytes = Uint8Array.from(all.flatMap(([byte, count]) => Array(count).fill(byte)));
          expect([...findRuns(bytes, 0, runSet(isMember), minimum)]).toEqual(runs(bytes, isMember, minimum));
        },
      ),
    );
  });

  it('tells members from others for every byte', () => {
    for (const isMember of SETS) {
      for (let byte = 0; byte < 256; byte++) {
        expect(findRuns(Uint8Array.of(byte), 0, runSet(isMember), 1)).toHaveLength(isMember(byte) ? 2 : 0);
      }
    }
  });

  it('tells as many runs as a block can hold, from where it is asked', () => {
    const bytes = Uint8Array.from({ length: KERNEL_BLOCK + 11 }, (_, index) => index % 2);
    const found = findRuns(
      bytes,
      10,
      runSet((byte) => byte === 1),
      1,
    );
    expect(found).toHaveLength(KERNEL_BLOCK);
    expect([...found.subarray(0, 2), ...found.subarray(-2)]).toEqual([
      11,
      12,
      KERNEL_BLOCK + 9,
      KERNEL_BLOCK + 10,
    ]);
  });

  it('finds the runs of bytes that can follow each other, by the definition', () => {
    const bytes = fc.array(
      fc.constantFrom(0, 0x20, 0x41, 0x7f, 0x80, 0x9f, 0xbf, 0xc0, 0xc3, 0xe2, 0xf4, 0xf5, 0xff),
      {
        maxLength: 300,
        size: 'max',
      },
    );
    fc.assert(
      fc.property(bytes, fc.integer({ min: 2, max: 90 }), (all, minimum) => {
        expect([...findRuns(Uint8Array.from(all), 0, linkedRunSet(utf8KindOf), minimum)]).toEqual(
          linkedRuns(all, minimum),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('refuses a set that it has no room for', () => {
    expect(() => runSet((byte) => byte % 17 === 0)).toThrow(RangeError);
  });
});

describe('countBytes', () => {
  it('counts by the definition, and adds to what was counted', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 });
    fc.assert(
      fc.property(parts, fc.constantFrom(1, 2, 7_001), (all, times) => {
        const counts = new Float64Array(256);
        const expected = new Float64Array(256);
        for (const part of all) {
          const bytes = new Uint8Array(Buffer.concat(new Array(times).fill(part)));
          countBytes(bytes, counts);
          for (const byte of bytes) expected[byte] = (expected[byte] as number) + 1;
        }
        expect(counts).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('counts a block of one value, and not what an earlier call left in its memory', () => {
    const counts = new Float64Array(256);
    countBytes(new Uint8Array(KERNEL_BLOCK).fill(255), counts);
    countBytes(Uint8Array.of(0), counts);
    expect([counts[255], counts[0], counts[1]]).toEqual([KERNEL_BLOCK, 1, 0]);
  });
});
