import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openArchive } from '../archive/open-archive.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { readTyped } from './image.ts';
import { imageKinds, kindOfMagic } from './image-kinds.ts';
import { writeImage } from './write-image.ts';

const fixtures = new URL('../../fixtures/', import.meta.url);

describe.each(readdirSync(fixtures).filter((name) => existsSync(new URL(`${name}/oracle`, fixtures))))(
  'the images of %s',
  (name) => {
    it('are the same bytes after reading and writing their messages', async () => {
      const folder = new URL(`${name}/`, fixtures);
      const file = readdirSync(folder).find((each) => each.startsWith('checkpoint.tar')) ?? '';
      const archive = await openArchive(bufferSource(readFileSync(new URL(file, folder))));
      let compared = 0;
      for (const entry of archive.entries.filter(({ path }) =>
        /^checkpoint\/(?!pages|tmpfs).*\.img$/.test(path),
      )) {
        const bytes = Buffer.from(await archive.open(entry).read(0, entry.size));
        const magic = bytes.readUInt32LE(entry.path.endsWith('inventory.img') ? 0 : 4);
        const kind = kindOfMagic(magic);
        if (kind === undefined || kind.extra.kind !== 'none') continue;
        const { entries } = await readTyped(bufferSource(bytes), entry.path, kind);
        const [first, ...later] = entries.map(({ message }) => ({ message }));
        expect(first, entry.path).toBeDefined();
        if (first === undefined) continue;
        expect(Buffer.from(writeImage(kind, [first, ...later])).equals(bytes), entry.path).toBe(true);
        compared += 1;
      }
      expect(compared).toBeGreaterThan(10);
      await archive.close();
    });
  },
);

describe('writeImage', () => {
  it('writes what follows a message behind it', () => {
    const extra = new Uint8Array([1, 2, 3]);
    const image = writeImage(imageKinds.pipesData, [{ message: { pipe_id: 1, bytes: 3, size: 64 }, extra }]);
    expect(image.subarray(-3)).toEqual(extra);
  });
});
