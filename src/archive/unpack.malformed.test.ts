import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../test/support/sources.ts';
import {
  forgeSkippableFrame,
  forgeZstdFrame,
  forgeZstdRepeat,
  zstdBlockHeader,
} from '../../test/support/zstd-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import type { Decoder } from '../bytes/decoder.ts';
import { nodeDecoders } from '../bytes/node-decoders.ts';
import { startSystemZstd } from '../bytes/node-zstd.ts';
import { gunzip } from './gzip.ts';
import { type UnpackOptions, unpack } from './unpack.ts';
import { zstdDecoder } from './zstd.ts';

const nodeGunzip = nodeDecoders().gzip;
const unzstd = zstdDecoder();
const mixed = Buffer.concat([Buffer.alloc(100_000, 'text '), randomBytes(150_000), Buffer.alloc(50_000)]);

async function unpacked(bytes: Uint8Array, decoder: Decoder, options: UnpackOptions = {}) {
  const result = await unpack(bufferSource(bytes), decoder, options);
  return { bytes: await readAll(result.bytes), notes: result.notes };
}

type Packer = (data: Uint8Array) => Buffer;

const nodeUnzstd = nodeDecoders().zstd;
const packZstd: Packer = (data) => forgeZstdFrame(data);
const DECODERS: [string, Decoder, Packer][] = [
  ['gzip, portable', gunzip, (data) => gzipSync(data)],
  ['gzip, Node', nodeGunzip, (data) => gzipSync(data)],
  ['zstd, portable', unzstd, packZstd],
];
if (startSystemZstd(0) !== undefined)
  DECODERS.push(['zstd, of the system', zstdDecoder(startSystemZstd), packZstd]);
// From Node 22.15 on.
if (nodeUnzstd !== undefined) DECODERS.push(['zstd, Node', nodeUnzstd, packZstd]);

describe.each(DECODERS)('%s', (_name, decoder, pack) => {
  it('gives back what was packed', async () => {
    const { bytes, notes } = await unpacked(pack(mixed), decoder);
    expect([bytes.equals(mixed), notes]).toEqual([true, []]);
    expect(await unpacked(pack(new Uint8Array(0)), decoder)).toEqual({ bytes: Buffer.alloc(0), notes: [] });
  });

  it('cut anywhere, it gives a beginning of it and one note', () => {
    const packed = pack(mixed);
    return fc.assert(
      fc.asyncProperty(fc.integer({ min: 12, max: packed.length - 1 }), async (cut) => {
        const { bytes, notes } = await unpacked(packed.subarray(0, cut), decoder);
        expect(bytes.equals(mixed.subarray(0, bytes.length))).toBe(true);
        expect(notes).toHaveLength(1);
        expect(notes[0]?.message).toContain(`${bytes.length} bytes could be unpacked`);
      }),
      { numRuns: 25 },
    );
  });

  it('whatever the bytes are, nothing but damage comes of it', () => {
    const packed = pack(mixed.subarray(90_000, 110_000));
    return fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(packed.length - 1), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 6,
        }),
        async (edits) => {
          const damaged = Buffer.from(packed);
          for (const [at, value] of edits) damaged[at] = value;
          await unpacked(damaged, decoder).catch((error: unknown) =>
            expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED' }),
          );
        },
      ),
      { numRuns: 20 },
    );
  });

  it('stops when told to', async () => {
    const aborted = unpacked(pack(mixed), decoder, { signal: AbortSignal.abort(new Error('stop')) });
    await expect(aborted).rejects.toThrow();
  });

  it('stops at the limit of what may come out, and says how to raise it', async () => {
    const bomb = unpacked(pack(Buffer.alloc(5_000_000)), decoder, { unpackedLimit: 1_000_000 });
    await expect(bomb).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('EXHIBIT_UNPACK_LIMIT'),
    });
  });
});

describe('gzip on Node', () => {
  it('loses nothing of a cut file: all that zlib itself can make of it', async () => {
    const cut = gzipSync(mixed).subarray(0, 100_000);
    const { bytes } = await unpacked(cut, nodeGunzip);
    const most = gunzipSync(cut, { finishFlush: 2 });
    expect(bytes.equals(most)).toBe(true);
  });

  it('keeps everything up to a damaged byte, and whole members before trailing garbage', async () => {
    const packed = Buffer.concat([
      gzipSync(mixed),
      gzipSync('second member'),
      Buffer.from('garbage behind it'),
    ]);
    const { bytes, notes } = await unpacked(packed, nodeGunzip);
    expect(bytes.equals(Buffer.concat([mixed, Buffer.from('second member')]))).toBe(true);
    expect(notes[0]?.message).toContain('damaged');
    const damaged = gzipSync(mixed);
    damaged.fill(0xff, 120_000, 120_100);
    const salvaged = await unpacked(damaged, nodeGunzip);
    expect(salvaged.bytes.length).toBeGreaterThan(215_000);
    expect(salvaged.bytes.subarray(0, 210_000).equals(mixed.subarray(0, 210_000))).toBe(true);
  });

  it('loses nothing before damage that lies deep in the file', async () => {
    const content = randomBytes(500_000).map((byte) => byte & 0x7f);
    const damaged = gzipSync(content, { level: 0 });
    // Stored as they are: only where a block begins, its length stands twice, once with all bits turned.
    const header = damaged.findIndex(
      (_, at) => at > 300_000 && (damaged.readUInt16LE(at) ^ damaged.readUInt16LE(at + 2)) === 0xffff,
    );
    damaged.fill(0, header, header + 4);
    const { bytes, notes } = await unpacked(damaged, nodeGunzip);
    expect(bytes.length).toBeGreaterThan(299_000);
    expect(Buffer.compare(bytes, content.subarray(0, bytes.length))).toBe(0);
    expect(notes[0]?.offset).toBe(header + 3);
    expect(header + 3 - bytes.length).toBeLessThan(200);
  });

  it('unpacks no more than a reader takes, as a few bytes may be a hundred MiB of zeros', async () => {
    const packed = gzipSync(Buffer.alloc(100 * 1024 * 1024));
    expect(packed.length).toBeLessThan(128 * 1024);
    let total = 0;
    for await (const chunk of nodeGunzip(bufferSource(packed), {})) {
      expect(chunk.length).toBeLessThanOrEqual(2 * 1024 * 1024);
      total += chunk.length;
    }
    expect(total).toBe(100 * 1024 * 1024);
  });

  it('reads several members as one', async () => {
    const { bytes, notes } = await unpacked(Buffer.concat([gzipSync('one,'), gzipSync('two')]), nodeGunzip);
    expect([bytes.toString(), notes]).toEqual(['one,two', []]);
  });
});

describe('zstd', () => {
  const compressed = readFileSync('fixtures/podman-web/checkpoint.tar.zst');
  /** As `printf two | zstd --check` writes it. */
  const CHECKSUM_OF_TWO = 0xecf4448b;

  it('reads several frames and passes over skippable ones', async () => {
    const many = Buffer.concat([
      forgeSkippableFrame(Buffer.from('skip')),
      forgeZstdFrame(Buffer.from('one,')),
      forgeZstdFrame(new Uint8Array(0)),
      forgeSkippableFrame(new Uint8Array(0)),
      forgeZstdFrame(Buffer.from('two'), { checksum: CHECKSUM_OF_TWO, blockLength: 2 }),
    ]);
    expect(await unpacked(many, unzstd)).toEqual({ bytes: Buffer.from('one,two'), notes: [] });
  });

  it('keeps what does not fit its checksum, and says so', async () => {
    const frame = forgeZstdFrame(Buffer.from('too'), { checksum: CHECKSUM_OF_TWO });
    const { bytes, notes } = await unpacked(frame, unzstd);
    expect(bytes.toString()).toBe('too');
    expect(notes).toMatchObject([
      { severity: 'warning', offset: 12, message: expect.stringContaining('does not fit its checksum') },
    ]);
  });

  it('reads thousands of frames without running out of stack', async () => {
    const many = Buffer.concat(
      Array.from({ length: 20_000 }, () => forgeZstdFrame(Buffer.from('x'), { window: 0 })),
    );
    expect((await unpacked(many, unzstd)).bytes.length).toBe(20_000);
  });

  it('keeps what the blocks before the damage held', async () => {
    const damaged = Buffer.from(compressed);
    damaged.fill(0xff, 20_000, 20_100);
    const { bytes, notes } = await unpacked(damaged, unzstd);
    expect(bytes.length).toBe(131_072);
    expect(notes[0]).toMatchObject({ severity: 'warning', offset: expect.any(Number) });
  });

  it('refuses a window larger than the limit instead of reserving it', async () => {
    const greedy = forgeZstdFrame(Buffer.from('x'), { window: 0xf8 });
    await expect(unpacked(greedy, unzstd)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('refuses many small frames that each ask for a large window', async () => {
    const greedy = Buffer.concat(
      Array.from({ length: 100 }, () => forgeZstdFrame(Buffer.from('x'), { window: 0x88 })),
    );
    await expect(unpacked(greedy, unzstd)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it.each([
    ['a block of the reserved type', zstdBlockHeader(4, 3, true)],
    ['a block larger than the format allows', zstdBlockHeader(128 * 1024 + 1, 1, true)],
    ['a compressed block of nothing', zstdBlockHeader(0, 2, true)],
  ])('takes %s for damage', async (_name, block) => {
    const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]), block, Buffer.alloc(16)]);
    const { bytes, notes } = await unpacked(frame, unzstd);
    expect([bytes.length, notes.length]).toEqual([0, 1]);
  });

  it('takes bytes behind the last frame for damage, not for an end', async () => {
    const { bytes, notes } = await unpacked(
      Buffer.concat([forgeZstdFrame(Buffer.from('one')), Buffer.from('left over')]),
      unzstd,
    );
    expect(bytes.toString()).toBe('one');
    expect(notes[0]).toMatchObject({ offset: 12, message: expect.stringContaining('no zstd frame') });
  });

  it('stops a bomb of repeated bytes at the limit', async () => {
    const bomb = forgeZstdRepeat(0, 128 * 1024, 1000);
    await expect(unpacked(bomb, unzstd, { unpackedLimit: 10_000_000 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });
});

describe('the room for unpacked bytes', () => {
  it('moves from memory to the spill, in order', async () => {
    let spilled = 0;
    const { bytes } = await unpacked(gzipSync(mixed), nodeGunzip, {
      memoryLimit: 70_000,
      spill: async () => {
        spilled++;
        const { memorySpill } = await import('../bytes/spill.ts');
        return memorySpill(1_000_000);
      },
    });
    expect([bytes.equals(mixed), spilled]).toEqual([true, 1]);
  });

  it('is an error when there is no spill', async () => {
    const full = unpacked(gzipSync(mixed), nodeGunzip, { memoryLimit: 70_000 });
    await expect(full).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
