import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, forgeImage, u32 } from '../../test/support/criu-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { MAX_MESSAGE_LENGTH, readImage, readTyped } from './image.ts';
import { allKinds, COMMON_MAGIC, type ImageKind, imageKinds } from './image-kinds.ts';

const task = { pid: 1, ppid: 0, pgid: 1, sid: 1, threads: [1] };
const pstree = forgeImage(imageKinds.pstree, [{ message: task }, { message: task }]);
const header = forgeImage(imageKinds.pstree, []);
const desc = { key: 0, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0, id: 3 };

async function codeOf(bytes: Uint8Array, name = 'pstree.img'): Promise<string | undefined> {
  const error = await readImage(name, bufferSource(bytes)).catch((thrown: unknown) => thrown);
  return error instanceof ExhibitError ? error.code : undefined;
}

describe('what is no image', () => {
  it.each([
    ['nothing', new Uint8Array(0)],
    ['three bytes', Uint8Array.of(1, 2, 3)],
    ['a group magic alone', u32(COMMON_MAGIC)],
    ['text', new TextEncoder().encode('<html>not an image</html>')],
  ])('%s is refused with BAD_IMAGE, and left out by readTyped', async (_what, bytes) => {
    expect(await codeOf(bytes)).toBe('BAD_IMAGE');
    const { entries, notes } = await readTyped(bufferSource(bytes), 'pstree.img', imageKinds.pstree);
    expect(entries).toEqual([]);
    expect(notes).toMatchObject([{ severity: 'warning', entry: 'pstree.img' }]);
  });

  it('is not guessed from a name: an image of another kind is left out', async () => {
    const { entries, notes } = await readTyped(bufferSource(pstree), 'core-1.img', imageKinds.core);
    expect(entries).toEqual([]);
    expect(notes[0]?.message).toBe('is a PSTREE image, not CORE; left out');
  });
});

describe('a damaged image', () => {
  it('cut anywhere gives the entries before the cut and a note', async () => {
    const entryLength = (pstree.length - header.length) / 2;
    for (let length = header.length; length < pstree.length; length++) {
      const { entries, notes } = await readTyped(
        bufferSource(pstree.subarray(0, length)),
        'pstree.img',
        imageKinds.pstree,
      );
      const whole = Math.floor((length - header.length) / entryLength);
      expect(entries, `cut at ${length}`).toHaveLength(whole);
      expect(notes).toHaveLength((length - header.length) % entryLength === 0 ? 0 : 1);
    }
  });

  it('with an entry over the limit is not read on', async () => {
    const source = {
      size: 2 ** 40,
      read: (offset: number, length: number) =>
        bufferSource(concat(header, u32(MAX_MESSAGE_LENGTH + 1))).read(offset, length),
    };
    const { entries, notes } = await readTyped(source, 'pstree.img', imageKinds.pstree);
    expect(entries).toEqual([]);
    expect(notes[0]?.message).toContain('over the limit');
  });

  it('of nothing but zeros is bounded and says that fields are missing', async () => {
    const image = concat(header, new Uint8Array(4 * 5000));
    const { entries, notes } = await readTyped(bufferSource(image), 'pstree.img', imageKinds.pstree);
    expect(entries).toHaveLength(5000);
    expect(notes).toHaveLength(21);
  });

  it.each<[string, ImageKind, object]>([
    ['pipe data', imageKinds.pipesData, { pipe_id: 1, bytes: 0xffffffff }],
    [
      'a TCP stream',
      imageKinds.tcpStream,
      { inq_len: 1, inq_seq: 0, outq_len: 0xffffffff, outq_seq: 0, opt_mask: 0, snd_wscale: 0, mss_clamp: 0 },
    ],
    ['shared memory', imageKinds.ipcShm, { desc, size: (1n << 64n) - 1n }],
    ['semaphores', imageKinds.ipcSem, { desc, nsems: 0xffffffff }],
    ['a message queue', imageKinds.ipcMsg, { desc, qbytes: 0, qnum: 0xffffffff }],
  ])('that promises more of %s than it holds gives what is there', async (_what, kind, message) => {
    const image = forgeImage(kind, [{ message, extra: Uint8Array.of(1, 2, 3) }]);
    const { entries, notes } = await readTyped(bufferSource(image), 'x.img', kind);
    expect(entries.map((entry) => entry.extra?.length)).toEqual([3]);
    expect(notes).toHaveLength(1);
    expect(notes[0]?.message).toContain('promises');
  });

  it('with any byte changed ends in entries, notes or BAD_IMAGE', async () => {
    const change = fc.record({ at: fc.nat(200), to: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...allKinds),
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.uint8Array({ maxLength: 150 }),
        async (kind, changes, body) => {
          const image = concat(forgeImage(kind, []), u32(Math.min(40, body.length)), body);
          for (const { at, to } of changes) if (at < image.length) image[at] = to;
          const code = await codeOf(image, 'x.img');
          expect([undefined, 'BAD_IMAGE']).toContain(code);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
