import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, forgeImage, rawField } from '../../test/support/criu-forge.ts';
import { openArchive } from '../archive/open-archive.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { writeCritJson } from './crit-json.ts';
import { encodeImage } from './encode.ts';
import { imageKinds, isImageName, rawKindOf } from './image-kinds.ts';

async function decode(bytes: Uint8Array, pretty: boolean): Promise<string> {
  let text = '';
  const write = async (piece: string): Promise<void> => {
    text += piece;
  };
  await writeCritJson('x.img', bufferSource(bytes), write, { pretty });
  return text;
}

const encode = (json: string): Buffer => Buffer.concat(encodeImage(new TextEncoder().encode(json)));

const fixtures = new URL('../../fixtures/', import.meta.url);

describe.each(readdirSync(fixtures).filter((name) => existsSync(new URL(`${name}/oracle/crit`, fixtures))))(
  'the images of %s',
  (name) => {
    it('are the same bytes after decoding and encoding, and from what crit said of them', async () => {
      const folder = new URL(`${name}/`, fixtures);
      const file = readdirSync(folder).find((each) => each.startsWith('checkpoint.tar')) ?? '';
      const archive = await openArchive(bufferSource(readFileSync(new URL(file, folder))));
      const images = archive.entries.filter((entry) => isImageName(entry.path) && !rawKindOf(entry.path));
      expect(images.length).toBeGreaterThan(10);
      for (const entry of images) {
        const bytes = Buffer.from(await archive.open(entry).read(0, entry.size));
        const crit = readFileSync(new URL(`oracle/crit/${basename(entry.path)}.json`, folder), 'utf8');
        expect(encode(crit).equals(bytes), entry.path).toBe(true);
        expect(encode(await decode(bytes, true)).equals(bytes), `${entry.path}, pretty`).toBe(true);
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

const golden = readFileSync(new URL('golden/crit-4.2.1.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden);

/** The golden images of these have padding that is not zero, which crit's JSON does not show. */
const PADDED: ReadonlySet<string> = new Set(['ipcMsg', 'ipcShm']);

describe('an image with extreme values', () => {
  it.each(golden.filter((each) => !PADDED.has(each.kind)))(
    'of kind $kind comes back from both forms of JSON',
    ({ image, plain, pretty }) => {
      expect(encode(plain).toString('base64')).toBe(image);
      expect(encode(pretty).toString('base64')).toBe(image);
    },
  );

  it.each(golden.filter((each) => PADDED.has(each.kind)))(
    'of kind $kind comes back from crit but for its padding, and from decode with it',
    async ({ image, plain }) => {
      const encoded = encode(plain);
      expect(encoded).toHaveLength(Buffer.from(image, 'base64').length);
      expect(await decode(encoded, false)).toBe(plain.trimEnd());
      for (const pretty of [false, true]) {
        const decoded = await decode(Buffer.from(image, 'base64'), pretty);
        expect(decoded).toContain('"extra_padding": "');
        expect(encode(decoded).toString('base64')).toBe(image);
      }
    },
  );
});

const desc = { key: 0, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0, id: 3 };

describe('what crit cannot encode', () => {
  it.each([
    ['fields of newer versions', imageKinds.fs, concat(rawField(1, 1), rawField(2, 2), rawField(77, 5))],
    [
      'text that is not UTF-8',
      imageKinds.utsns,
      concat(rawField(1, Uint8Array.of(0x63, 0xe9)), rawField(2, new Uint8Array())),
    ],
    ['a segment whose pages are elsewhere', imageKinds.ipcShm, { desc, size: 4096n, in_pagemaps: true }],
    ['a nameless enum value', imageKinds.fdinfo, { id: 1, flags: 0, type: 99, fd: 7 }],
  ])('comes back: %s', async (_what, kind, message) => {
    const image = Buffer.from(forgeImage(kind as typeof imageKinds.fs, [{ message }]));
    expect(encode(await decode(image, false))).toEqual(image);
    expect(encode(await decode(image, true))).toEqual(image);
  });

  it('comes back: an image of a kind without schema', async () => {
    const image = Buffer.from(
      forgeImage({ ...imageKinds.fs, magic: 0x12345678 }, [{ message: rawField(3, 4) }]),
    );
    expect(encode(await decode(image, false))).toEqual(image);
  });
});

describe('a payload behind a message', () => {
  it('comes back whatever its bytes are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 60 }),
        async (data, name) => {
          const pipe = forgeImage(imageKinds.pipesData, [
            { message: { pipe_id: 1, bytes: data.length, size: 4096 }, extra: data },
            { message: { pipe_id: 2, bytes: 0 } },
          ]);
          expect(encode(await decode(pipe, false))).toEqual(Buffer.from(pipe));
          // quopri writes all line breaks in the form of the first, which is crit's own loss.
          const unix = forgeImage(imageKinds.unixsk, [
            {
              message: rawField(
                11,
                name.filter((byte) => byte !== 13),
              ),
            },
          ]);
          expect(encode(await decode(unix, false))).toEqual(Buffer.from(unix));
        },
      ),
    );
  });
});
