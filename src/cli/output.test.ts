import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from './io.ts';
import { openOutput } from './output.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exhibit-output-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Keeps what it is given, unlike a file, until the end. */
function fakeIo(): Io & { readonly pieces: Uint8Array[] } {
  const pieces: Uint8Array[] = [];
  const io: Partial<Io> = {
    workingDirectory: folder,
    out: async (text) => void pieces.push(Buffer.from(text)),
    outBytes: async (bytes) => void pieces.push(bytes),
  };
  return { ...(io as Io), pieces };
}

const PIECES = fc.array(
  fc.record({
    way: fc.constantFrom('text' as const, 'bytes' as const, 'made' as const),
    text: fc.stringMatching(/^[ -~]{0,20}$/),
    times: fc.constantFrom(0, 1, 2, 5_000),
  }),
  { maxLength: 20 },
);

describe('openOutput', () => {
  it.each(['file', 'standard output'])('writes all pieces in order, whoever made them: %s', async (kind) => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(PIECES, async (pieces) => {
        const name = `${kind}-${count++}`;
        const io = fakeIo();
        const output = await openOutput(kind === 'file' ? name : undefined, io);
        for (const { way, text, times } of pieces) {
          const whole = text.repeat(times);
          if (way === 'text') await output.text(whole);
          else if (way === 'bytes') await output.bytes(Buffer.from(whole));
          else await output.made(whole.length + 10, (room) => Buffer.from(room.buffer).write(whole));
        }
        await output.close();
        const written = kind === 'file' ? await readFile(join(folder, name)) : Buffer.concat(io.pieces);
        expect(written.toString()).toBe(pieces.map(({ text, times }) => text.repeat(times)).join(''));
      }),
      { numRuns: 40 },
    );
  });

  it('writes over nothing, and for nobody else to read', async () => {
    const output = await openOutput('new', fakeIo());
    await output.text('first');
    await output.close();
    expect((await stat(join(folder, 'new'))).mode & 0o777).toBe(0o600);
    await expect(openOutput('new', fakeIo())).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await expect(openOutput('none/new', fakeIo())).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    expect(await readFile(join(folder, 'new'), 'utf8')).toBe('first');
  });
});
