import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  forgedFile,
  forgeMm,
  forgePagemap,
  forgeTasks,
  type Images,
  openForged,
} from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { forgeTar } from '../../test/support/tar-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { AddressSpace } from './address-space.ts';
import { BackingFiles } from './backing-files.ts';
import { type FilledMemory, filledFrom, fillMemory } from './filled-memory.ts';
import type { RootFiles } from './root-files.ts';

const PAGE = 4096;
const AT = 0x10000n;
const FILE = { status: 0x41, flags: 2, shmid: 5n };

/** A root filesystem in memory; `opened` lists what was asked for. */
function rootOf(files: Readonly<Record<string, Uint8Array>>): RootFiles & { readonly opened: string[] } {
  const opened: string[] = [];
  return {
    name: 'rootfs',
    opened,
    open: async (path) => {
      opened.push(path);
      const bytes = Object.hasOwn(files, path) ? files[path] : undefined;
      if (bytes === undefined) return undefined;
      const { size, read } = bufferSource(bytes);
      return { size, read, close: async () => undefined };
    },
  };
}

const numbered = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff);

interface Filled {
  readonly memory: FilledMemory;
  readonly space: AddressSpace;
  readonly warnings: readonly string[];
}

interface Forged {
  readonly size?: bigint;
  readonly pages?: number;
  readonly offset?: bigint;
  /** Pages that are in the archive. */
  readonly present?: readonly number[];
  readonly root?: RootFiles;
  readonly entries?: Readonly<Record<string, Uint8Array>>;
}

/** A process that maps /bin/web. */
async function fill({
  size,
  pages = 4,
  offset = 0n,
  present = [],
  root,
  entries = {},
}: Forged): Promise<Filled> {
  const file = forgedFile(5, '/bin/web');
  const message = file.message as { reg: object };
  const images: Images = {
    ...forgeTasks([{}]),
    'files.img': forgeImage(imageKinds.files, [{ message: { ...message, reg: { ...message.reg, size } } }]),
    'mm-1.img': forgeMm({ vmas: [{ ...FILE, start: AT, end: AT + BigInt(pages * PAGE), pgoff: offset }] }),
    'pagemap-1.img': forgePagemap(present.map((page) => [AT + BigInt(page * PAGE), 1, 4] as const)),
    'pages-1.img': new Uint8Array(present.length * PAGE).fill(0xee),
  };
  const checkpoint = await openForged({ images, entries });
  const space = await (await checkpoint.processes())[0]?.addressSpace();
  if (space === undefined) throw new Error('no address space');
  const warnings: string[] = [];
  const backing = await BackingFiles.of(checkpoint, root, (message) => warnings.push(message));
  const memory = await fillMemory([space], backing);
  return { memory, space: memory.spaces[0] ?? space, warnings };
}

const shape = (space: AddressSpace, pages: number) =>
  space
    .extents(AT, pages * PAGE)
    .map(({ start, length, origin, location }) => [
      Number(start - AT) / PAGE,
      length / PAGE,
      location !== undefined && filledFrom(location.entry) ? 'filled' : origin,
    ]);

describe('memory that is filled from a root filesystem', () => {
  const content = numbered(3 * PAGE - 100);

  it('has the file where the archive has nothing, and the archive’s pages where it has', async () => {
    const root = rootOf({ '/bin/web': content });
    const { memory, space, warnings } = await fill({ size: BigInt(content.length), present: [1], root });
    expect(shape(space, 4)).toEqual([
      [0, 1, 'filled'],
      [1, 1, 'present'],
      [2, 1, 'filled'],
      [3, 1, 'file'],
    ]);
    const { bytes } = await space.read(AT, 4 * PAGE);
    const expected = Buffer.alloc(4 * PAGE);
    expected.set(content);
    expected.fill(0xee, PAGE, 2 * PAGE);
    expect(Buffer.from(bytes).equals(expected)).toBe(true);
    expect(memory.files).toEqual([
      { path: '/bin/web', origin: 'rootfs', size: content.length, bytes: 2 * PAGE },
    ]);
    expect(warnings).toEqual([]);
    await memory.close();
  });

  it('is not filled from a file of another size, which is told', async () => {
    const { space, warnings } = await fill({ size: 77n, root: rootOf({ '/bin/web': content }) });
    expect(shape(space, 4)).toEqual([[0, 4, 'file']]);
    expect(warnings).toEqual([
      `/bin/web of rootfs has ${content.length} bytes, the file that was mapped had 77: it is not used`,
    ]);
  });

  it('stays as it is without the file', async () => {
    const root = rootOf({});
    const { memory, space } = await fill({ root });
    expect([shape(space, 4), memory.files, root.opened]).toEqual([[[0, 4, 'file']], [], ['/bin/web']]);
  });

  it('is filled from what the container wrote, not from its image', async () => {
    const written = numbered(2 * PAGE).reverse();
    const diff = forgeTar([{ name: 'bin/web', data: written }]);
    const root = rootOf({ '/bin/web': content });
    const { memory, space } = await fill({
      size: BigInt(written.length),
      root,
      entries: { 'rootfs-diff.tar': diff },
    });
    expect(memory.files).toMatchObject([{ origin: 'archive', bytes: 2 * PAGE }]);
    expect(Buffer.from((await space.read(AT, 2 * PAGE)).bytes).equals(written)).toBe(true);
    expect(root.opened).toEqual([]);
  });

  it('is not filled from the image where the container deleted the file, whatever lies there now', async () => {
    const root = rootOf({ '/bin/web': content });
    const deleted = new TextEncoder().encode('["/bin/web"]');
    const { space } = await fill({ root, entries: { 'deleted.files': deleted } });
    expect([shape(space, 4), root.opened]).toEqual([[[0, 4, 'file']], []]);
  });

  it('tells where in which file its bytes are, and reads them there with the zeros of the last page', async () => {
    const { memory, space } = await fill({ offset: 4096n, root: rootOf({ '/bin/web': content }) });
    const [extent] = space.extents(AT, PAGE * 4);
    const location = { entry: 'rootfs:/bin/web', offset: PAGE, length: 2 * PAGE };
    expect(extent?.location).toEqual(location);
    const bytes = await memory.sourceOf(location.entry)?.read(location.offset, location.length);
    expect(Buffer.from(bytes ?? []).equals((await space.read(AT, 2 * PAGE)).bytes)).toBe(true);
    expect(bytes?.subarray(2 * PAGE - 101)).toEqual(
      Uint8Array.from([content.at(-1) ?? 0, ...new Array(100).fill(0)]),
    );
    expect(memory.sourceOf('checkpoint/pages-1.img')).toBeUndefined();
    expect(space.regions[0]).toMatchObject({ presentBytes: 2 * PAGE, filledBytes: 2 * PAGE });
    await memory.close();
  });

  it('is not read on where the file has become shorter, nor with zeros in its place', async () => {
    const files: Record<string, Uint8Array> = { '/bin/web': content };
    const { memory, space } = await fill({ root: rootOf(files) });
    files['/bin/web'] = content.subarray(0, PAGE);
    expect((await space.read(AT, PAGE)).bytes).toHaveLength(PAGE);
    await expect(space.read(AT, 2 * PAGE)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    expect(await memory.sourceOf('rootfs:/bin/web')?.read(PAGE, PAGE)).toHaveLength(0);
  });

  it('does not reach beyond the file, whatever part of it is mapped', async () => {
    for (const offset of [2n ** 63n, 3n * 4096n, 2n * 4096n]) {
      const { space } = await fill({ offset, root: rootOf({ '/bin/web': content }) });
      const [, length, origin] = shape(space, 4)[0] ?? [];
      expect([length, origin]).toEqual(offset === 2n * 4096n ? [1, 'filled'] : [4, 'file']);
    }
  });

  it('reads as the file does, at any place', async () => {
    const { space } = await fill({ offset: 4096n, root: rootOf({ '/bin/web': content }) });
    const expected = Buffer.alloc(4 * PAGE);
    expected.set(content.subarray(PAGE));
    await fc.assert(
      fc.asyncProperty(fc.nat(4 * PAGE), fc.nat(4 * PAGE), async (from, to) => {
        const [start, end] = [Math.min(from, to), Math.max(from, to)];
        const { bytes } = await space.read(AT + BigInt(start), end - start);
        expect(Buffer.from(bytes).equals(expected.subarray(start, end))).toBe(true);
      }),
    );
  });
});

describe('memory of a program that deleted itself', () => {
  it.each([
    ['containerd-zoo', 16, '/tmp/update'],
    ['containerd-compromised', 21, '/tmp/.cache/sshd'],
  ])('in %s is whole: the archive has the file', async (fixture, pid, path) => {
    await withFixture(fixture, async (checkpoint) => {
      const process = (await checkpoint.processes()).find((each) => each.pid === pid);
      const space = await process?.addressSpace();
      if (space === undefined) throw new Error('no address space');
      const {
        spaces: [filled = space],
        files,
      } = await fillMemory([space], await BackingFiles.of(checkpoint, undefined, () => undefined));
      expect(files).toMatchObject([{ path, origin: 'archive', bytes: 12288 }]);
      const region = filled.regions.find(({ file }) => file?.path === path);
      const { bytes } = await filled.read(region?.start ?? 0n, 4);
      expect(Buffer.from(bytes).toString('latin1')).toBe('\x7fELF');
    });
  });
});
