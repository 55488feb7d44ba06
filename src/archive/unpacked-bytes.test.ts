import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../test/support/sources.ts';
import { forgeZstdFrame, forgeZstdRepeat } from '../../test/support/zstd-forge.ts';
import { type ByteSource, bufferSource } from '../bytes/byte-source.ts';
import { fileSpills } from '../bytes/file-spill.ts';
import { memorySpill } from '../bytes/spill.ts';
import { unpack } from './unpack.ts';
import { UnpackedBytes } from './unpacked-bytes.ts';
import { zstdDecoder } from './zstd.ts';

const KIB = 1024;

/** What needs no unpacking is not copied: whatever the source holds by then is what is read. */
async function unpackThenErase(packed: Buffer, options: Parameters<typeof unpack>[2] = {}) {
  const file = Buffer.from(packed);
  const { bytes, notes } = await unpack(bufferSource(file), zstdDecoder(), options);
  file.fill(0xee);
  return { bytes, notes };
}

/** Each 128 KiB that no compression shortens, and the same everywhere. */
const hashes = Buffer.concat(
  Array.from({ length: 4 * KIB }, (_, index) => createHash('sha256').update(String(index)).digest()),
);

/** `hashes` twice as `zstd --check` packs them: a raw block, and one that says "the same again". */
const hashesTwice = Buffer.concat([
  Buffer.from('28b52ffd0440', 'hex'),
  Buffer.from('000010', 'hex'),
  hashes,
  Buffer.from('550000000100fdff0300f20804', 'hex'),
  Buffer.from('5d1082b3', 'hex'),
]);

describe('unpacked bytes', () => {
  it('leave a long stored block where it is, and a block that refers back to it gets its bytes', async () => {
    const { bytes, notes } = await unpackThenErase(hashesTwice);
    const all = await readAll(bytes);
    expect(notes).toEqual([]);
    expect(all.subarray(0, hashes.length).every((byte) => byte === 0xee)).toBe(true);
    expect(all.subarray(hashes.length).equals(hashes)).toBe(true);
  });

  it('are held to the checksum also where they are stored', async () => {
    const damaged = Buffer.from(hashesTwice);
    damaged[50_000] = (damaged[50_000] ?? 0) ^ 1;
    const { bytes, notes } = await unpack(bufferSource(damaged), zstdDecoder(), {});
    expect(bytes.size).toBe(2 * hashes.length);
    expect(notes[0]?.message).toContain('does not fit its checksum');
  });

  it('take no room for stored blocks, and copy short ones', async () => {
    const long = forgeZstdFrame(randomBytes(8_192 * KIB));
    const { bytes } = await unpack(bufferSource(long), zstdDecoder(), { memoryLimit: 0 });
    expect(bytes.size).toBe(8_192 * KIB);
    const short = forgeZstdFrame(randomBytes(100), { blockLength: 10 });
    await expect(unpack(bufferSource(short), zstdDecoder(), { memoryLimit: 0 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('have no place in one file where they lie in two', async () => {
    const spill = fileSpills();
    const mixed = await unpack(bufferSource(hashesTwice), zstdDecoder(), { spill, memoryLimit: 0 });
    expect(mixed.bytes.place).toBeUndefined();
    await mixed.bytes.close();
    const frame = forgeZstdRepeat(7, 100 * KIB, 3);
    const copied = await unpack(bufferSource(frame), zstdDecoder(), { spill, memoryLimit: 0 });
    expect(copied.bytes.place).toMatchObject({ offset: 0 });
    await copied.bytes.close();
  });

  it('read the same at any place, in whatever pieces they came', async () => {
    const packed = randomBytes(20 * KIB);
    const piece = fc.oneof(
      fc.record({ storedAt: fc.nat(10 * KIB), length: fc.nat(2 * KIB) }),
      fc.uint8Array({ maxLength: 2 * KIB }),
    );
    const range = fc.tuple(fc.nat(20 * KIB), fc.nat(20 * KIB));
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 12 }),
        fc.array(range, { maxLength: 5 }),
        fc.boolean(),
        async (pieces, ranges, isInFile) => {
          const spill = isInFile ? await fileSpills()() : memorySpill(100 * KIB);
          const bytes = new UnpackedBytes(bufferSource(packed), spill);
          for (const one of pieces) await bytes.append(one);
          const whole = Buffer.concat(
            pieces.map((one) =>
              'storedAt' in one ? packed.subarray(one.storedAt, one.storedAt + one.length) : one,
            ),
          );
          expect(bytes.size).toBe(whole.length);
          for (const [offset, length] of ranges) {
            const wanted = whole.subarray(offset, offset + length);
            expect(Buffer.from(await bytes.read(offset, length)).equals(wanted)).toBe(true);
            await expectReadInto(bytes, offset, length, wanted);
          }
          await bytes.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are those of all frames of a file', async () => {
    const recorded = readFileSync('fixtures/podman-web/checkpoint.tar.zst');
    const plain = await readAll((await unpack(bufferSource(recorded), zstdDecoder(), {})).bytes);
    const stored = randomBytes(300 * KIB);
    const many = Buffer.concat([forgeZstdFrame(stored), recorded, hashesTwice, forgeZstdRepeat(7, 9, 2)]);
    const { bytes, notes } = await unpack(bufferSource(many), zstdDecoder(), {});
    expect(notes).toEqual([]);
    const whole = Buffer.concat([stored, plain, hashes, hashes, Buffer.alloc(18, 7)]);
    expect((await readAll(bytes)).equals(whole)).toBe(true);
  });
});

async function expectReadInto(source: ByteSource, offset: number, length: number, wanted: Buffer) {
  if (source.readInto === undefined) return;
  const target = new Uint8Array(length);
  const count = await source.readInto(target, offset);
  expect([count, Buffer.from(target.subarray(0, count)).equals(wanted)]).toEqual([wanted.length, true]);
}
