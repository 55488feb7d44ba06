import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { concat, forgeImage, rawField } from '../../test/support/criu-forge.ts';
import { openArchive } from '../archive/open-archive.ts';
import { type ByteSource, bufferSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { critDisagreements } from './crit-disagreements.ts';
import { type CritJsonOptions, writeCritJson } from './crit-json.ts';
import { allKinds, imageKinds, isImageName, rawKindOf } from './image-kinds.ts';

async function decode(source: ByteSource | Uint8Array, options: CritJsonOptions = {}): Promise<string> {
  let text = '';
  const bytes = source instanceof Uint8Array ? bufferSource(source) : source;
  const notes = await writeCritJson(
    'x.img',
    bytes,
    async (piece) => {
      text += piece;
    },
    options,
  );
  expect(notes).toEqual([]);
  return text;
}

const fixtures = new URL('../../fixtures/', import.meta.url);

/** Every image of every recorded checkpoint, against what crit said of it when it was recorded. */
describe.each(readdirSync(fixtures).filter((name) => existsSync(new URL(`${name}/oracle/crit`, fixtures))))(
  'the images of %s',
  (name) => {
    it('are printed as crit does', async () => {
      const folder = new URL(`${name}/`, fixtures);
      const file = readdirSync(folder).find((each) => each.startsWith('checkpoint.tar')) ?? '';
      const archive = await openArchive(bufferSource(readFileSync(new URL(file, folder))));
      const images = archive.entries.filter((entry) => isImageName(entry.path) && !rawKindOf(entry.path));
      const said = readdirSync(new URL('oracle/crit', folder)).filter((each) => each.endsWith('.json'));
      expect(images.map((entry) => `${basename(entry.path)}.json`).sort()).toEqual(said.sort());
      for (const entry of images) {
        const crit = readFileSync(new URL(`oracle/crit/${basename(entry.path)}.json`, folder), 'utf8');
        expect(await decode(archive.open(entry)), entry.path).toBe(crit.trimEnd());
      }
      await archive.close();
    });
  },
);

interface Golden {
  readonly kind: string;
  readonly image: string;
  readonly plain: string;
  readonly pretty: string;
}

/** One forged image of each kind with what crit printed for it: see golden/recipe.md. */
const golden = readFileSync(new URL('golden/crit-4.2.1.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden);

/** What crit does not show. */
const withoutPadding = (json: string): string => json.replaceAll(/,\s*"extra_padding": "[^"]*"/g, '');

describe('an image with extreme values', () => {
  it.each(golden)('of kind $kind is printed as crit does', async ({ image, plain, pretty }) => {
    const bytes = Buffer.from(image, 'base64');
    expect(withoutPadding(await decode(bytes))).toBe(plain.trimEnd());
    expect(withoutPadding(await decode(bytes, { pretty: true }))).toBe(pretty.trimEnd());
  });

  it('is there for each kind but those that crit cannot decode', () => {
    const missing = Object.entries(imageKinds).filter(([key]) => !golden.some((each) => each.kind === key));
    const known = critDisagreements.flatMap((each) => each.kind.split(', '));
    for (const [, kind] of missing) expect(known).toContain(kind.name);
    expect(golden.length + missing.length).toBe(allKinds.length);
  });
});

const desc = { key: 0, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0, id: 3 };

describe('what crit cannot show', () => {
  it('is shown: unknown fields, numbers of nameless enum values, bytes that are not UTF-8', async () => {
    const unknown = forgeImage(imageKinds.fs, [
      { message: concat(rawField(1, 1), rawField(2, 2), rawField(77, 5), rawField(78, Uint8Array.of(1))) },
    ]);
    expect(JSON.parse(await decode(unknown)).entries[0].unknown_fields).toEqual([
      { number: 77, wire_type: 0, value: 5 },
      { number: 78, wire_type: 2, value: 'AQ==\n' },
    ]);
    const nameless = forgeImage(imageKinds.fdinfo, [{ message: { id: 1, flags: 0, type: 99, fd: 7 } }]);
    expect(await decode(nameless)).toContain('"type": 99');
    const latin1 = forgeImage(imageKinds.utsns, [
      { message: concat(rawField(1, Uint8Array.of(0x63, 0xe9)), rawField(2, new Uint8Array(0))) },
    ]);
    expect(await decode(latin1)).toContain('"nodename": "c\\udce9"');
  });

  it('is not taken from the next entry: a segment in pagemaps has no bytes behind it', async () => {
    const segment = { desc, size: 4096n, in_pagemaps: true };
    const text = await decode(forgeImage(imageKinds.ipcShm, [{ message: segment }, { message: segment }]));
    const { entries } = JSON.parse(text);
    expect(entries).toHaveLength(2);
    expect(entries[0]).toMatchObject({ size: 4096, in_pagemaps: true, extra: '' });
  });
});

describe('writeCritJson', () => {
  it('refuses raw images and says what they hold', async () => {
    const error = await writeCritJson('pages-3.img', bufferSource(new Uint8Array(9)), async () => {}).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ExhibitError);
    expect(error).toMatchObject({ code: 'RAW_IMAGE', message: expect.stringContaining('memory pages') });
  });

  it('refuses an entry that would be longer than a string can be', async () => {
    let dir = new Uint8Array(2 * 1024 * 1024);
    for (let at = 0; at < dir.length; at += 2) dir[at] = 0x12;
    for (let depth = 0; depth < 90; depth++) dir = new Uint8Array(rawField(2, dir));
    const image = forgeImage(imageKinds.cgroup, [{ message: rawField(2, dir) }]);
    const error = await writeCritJson('cgroup.img', bufferSource(image), async () => {}, {
      pretty: true,
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('never holds a large payload: it is read and written in pieces', async () => {
    const head = forgeImage(imageKinds.ghostFile, [{ message: { uid: 0, gid: 0, mode: 0o100600 } }]);
    const size = head.length + 64 * 1024 * 1024;
    let largestRead = 0;
    const source: ByteSource = {
      size,
      read: async (offset, length) => {
        largestRead = Math.max(largestRead, length);
        const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
        if (offset < head.length) bytes.set(head.subarray(offset, offset + length).subarray(0, bytes.length));
        return bytes;
      },
    };
    let written = 0;
    let largestPiece = 0;
    await writeCritJson('ghost-file-1.img', source, async (piece) => {
      written += piece.length;
      largestPiece = Math.max(largestPiece, piece.length);
    });
    expect(written).toBeGreaterThan(size * 1.3);
    expect(largestRead).toBeLessThanOrEqual(1024 * 1024);
    expect(largestPiece).toBeLessThanOrEqual(256 * 1024);
  });

  it('puts the prefix first, and the same in both forms', async () => {
    const image = forgeImage(imageKinds.seccomp, []);
    expect(await decode(image, { prefix: { image: 'a' } })).toBe(
      '{"image": "a", "magic": "SECCOMP", "entries": []}',
    );
    expect(JSON.parse(await decode(image, { prefix: { image: 'a' }, pretty: true }))).toEqual({
      image: 'a',
      magic: 'SECCOMP',
      entries: [],
    });
  });
});
