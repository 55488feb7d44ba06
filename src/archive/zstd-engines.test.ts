import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../test/support/sources.ts';
import { forgeZstdFrame } from '../../test/support/zstd-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import type { Decoder } from '../bytes/decoder.ts';
import { startSystemZstd } from '../bytes/node-zstd.ts';
import { type ZstdEngine, ZstdError } from '../bytes/zstd-engine.ts';
import { startPortableZstd } from './portable-zstd.ts';
import { unpack } from './unpack.ts';
import { zstdDecoder } from './zstd.ts';

const ROOM = 64 * 1024;
const packed = readFileSync('fixtures/podman-web/checkpoint.tar.zst');

/** What comes out of `bytes`, fed in pieces of these lengths, again and again. */
function feed(engine: ZstdEngine, bytes: Uint8Array, lengths: readonly number[]): Buffer {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    for (const piece of engine.push(bytes.subarray(at, at + length))) pieces.push(piece.slice());
    at += length;
  }
  return Buffer.from(concat(pieces));
}

const ENGINES: [string, (inputRoom: number) => ZstdEngine | undefined | Promise<ZstdEngine>][] = [
  ['brought along', startPortableZstd],
];
if (startSystemZstd(ROOM) !== undefined) ENGINES.push(['of the system', startSystemZstd]);

describe.each(ENGINES)('libzstd, %s', (_name, engineOf) => {
  const start = async (inputRoom: number): Promise<ZstdEngine> => {
    const engine = await engineOf(inputRoom);
    if (engine === undefined) throw new Error('it was there before');
    return engine;
  };

  it('gives the same however its input is cut', async () => {
    const whole = feed(await start(ROOM), packed, [ROOM]);
    expect(whole.subarray(257, 262).toString()).toBe('ustar');
    const lengths = fc.array(fc.integer({ min: 1, max: ROOM }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(lengths, async (cut) => {
        expect(feed(await start(ROOM), packed, cut).equals(whole)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('unpacks one frame behind the other in the same memory', async () => {
    const engine = await start(ROOM);
    const first = feed(engine, packed, [ROOM]);
    expect(feed(engine, packed, [ROOM]).equals(first)).toBe(true);
  });

  it('ends on whatever it is fed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2000 }),
        fc.integer({ min: 0, max: 5000 }),
        async (junk, at) => {
          const engine = await start(ROOM);
          const damaged = Buffer.concat([packed.subarray(0, at), junk]);
          try {
            feed(engine, damaged, [ROOM]);
          } catch (error) {
            expect(error).toBeInstanceOf(ZstdError);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('takes no more than it has room for', async () => {
    const engine = await start(10);
    expect(() => [...engine.push(packed.subarray(0, 11))]).toThrow(RangeError);
  });
});

describe('the choice of a libzstd', () => {
  const decoded = async (decoder: Decoder): Promise<string> =>
    (
      await readAll((await unpack(bufferSource(forgeZstdFrame(Buffer.from('packed'))), decoder, {})).bytes)
    ).toString();
  const fallback: Decoder = async function* () {
    yield Buffer.from('by the other one');
  };

  it('is the one of the system before any other', async () => {
    let started = 0;
    const engine = await startPortableZstd(128 * 1024);
    const decoder = zstdDecoder(() => {
      started++;
      return engine;
    }, fallback);
    expect([await decoded(decoder), started]).toEqual(['packed', 1]);
  });

  it('falls back where the system has none', async () => {
    const none = () => startSystemZstd(ROOM, 'libzstd-that-is-not-there.so.1');
    expect(none()).toBeUndefined();
    expect(await decoded(zstdDecoder(none, fallback))).toBe('by the other one');
    expect(await decoded(zstdDecoder(none))).toBe('packed');
  });
});
