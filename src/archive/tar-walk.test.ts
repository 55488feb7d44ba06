import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countingSource, sparseSource } from '../../test/support/sources.ts';
import { type ForgedMember, forgeLongName, forgeMember, forgeTar } from '../../test/support/tar-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import type { ArchiveEntry } from './archive-index.ts';
import { walkTar } from './tar-walk.ts';

const GIB = 1024 ** 3;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-tar-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const walk = (bytes: Uint8Array) => walkTar(bufferSource(bytes));
const contentOf = (bytes: Uint8Array, entry: ArchiveEntry) =>
  Buffer.from(bytes.subarray(entry.offset, entry.offset + entry.size)).toString();

/** What GNU tar sees in an archive: mode, owner, size, date and name of each entry. */
function gnuListing(tar: Uint8Array): string[] {
  const listing = execFileSync(
    'tar',
    ['tvf', '-', '--numeric-owner', '--full-time', '--utc', '--quoting-style=literal'],
    {
      input: tar,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    },
  );
  return listing
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) =>
      line
        .replace(/ +(?=\d+ \d{4}-)/, ' ')
        .replace(/(:\d\d)\.\d+ /, '$1 ')
        .replace(' ./', ' '),
    )
    .map((line) => (line.endsWith(' ') ? `${line}./` : line));
}

const TYPE_LETTERS = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  fifo: 'p',
  other: '?',
} as const;

function ourListing(entries: readonly ArchiveEntry[]): string[] {
  return entries.map((entry) => {
    const letter = TYPE_LETTERS[entry.type as keyof typeof TYPE_LETTERS];
    const date = new Date(Math.floor(entry.modified) * 1000).toISOString().slice(0, 19).replace('T', ' ');
    const slash = entry.type === 'directory' ? '/' : '';
    const link = { symlink: ` -> ${entry.linkTarget}`, hardlink: ` link to ${entry.linkTarget}` }[
      entry.type as string
    ];
    return `${letter}${modeText(entry.mode)} ${entry.uid}/${entry.gid} ${entry.size} ${date} ${entry.path}${slash}${link ?? ''}`;
  });
}

function modeText(mode: number): string {
  return [6, 3, 0]
    .map((shift) => 'rwx'.replace(/./g, (letter, at) => ((mode >> shift) & (4 >> at) ? letter : '-')))
    .join('');
}

const name = fc.stringMatching(/^[a-zA-Z0-9_é漢:+,= -]{1,20}$/).filter((text) => text.trim() === text);
const member: fc.Arbitrary<ForgedMember> = fc.record({
  name: fc
    .array(name, { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join('/'))
    .filter((path) => Buffer.byteLength(path) <= 100),
  data: fc.uint8Array({ maxLength: 1500 }),
  mode: fc.integer({ min: 0, max: 0o777 }),
  uid: fc.oneof(fc.nat(2000), fc.constant(4_000_000_000)),
  gid: fc.nat(2_097_151),
  modified: fc.nat(0x7fff_ffff),
  format: fc.constantFrom('ustar', 'gnu', 'v7'),
});

describe('walkTar beside GNU tar', () => {
  it('lists random members as GNU tar does', () => {
    return fc.assert(
      fc.asyncProperty(fc.array(member, { minLength: 1, maxLength: 12 }), async (members) => {
        const tar = forgeTar(members);
        const { entries } = await walk(tar);
        expect(ourListing(entries)).toEqual(gnuListing(tar));
        expect(entries.map((entry) => contentOf(tar, entry))).toEqual(
          members.map(({ data }) => Buffer.from(data ?? '').toString()),
        );
      }),
      { numRuns: 40 },
    );
  });

  it.each(['v7', 'oldgnu', 'gnu', 'ustar', 'posix'])('reads what GNU tar writes as %s', async (format) => {
    const root = join(folder, format);
    const deep = join(root, 'deep', 'd'.repeat(60), 'e'.repeat(30));
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(root, 'empty'), '');
    writeFileSync(join(root, 'block'), 'x'.repeat(512));
    writeFileSync(join(root, 'Ünïcode 漢'), 'text');
    symlinkSync('block', join(root, 'link'));
    if (format !== 'v7') execFileSync('sh', ['-c', 'mkfifo "$0"', join(root, 'fifo')]);
    if (format === 'gnu' || format === 'posix' || format === 'oldgnu') {
      const long = join(deep, `${'n'.repeat(120)}.txt`);
      writeFileSync(long, 'long name');
      symlinkSync(long, join(root, 'long-link'));
    }
    execFileSync('ln', [join(root, 'block'), join(root, 'second-name')]);
    const tar = execFileSync('tar', ['cf', '-', `--format=${format}`, '--sort=name', '-C', root, '.']);
    const { entries, notes, tail } = await walk(tar);
    expect(ourListing(entries)).toEqual(gnuListing(tar));
    expect(notes).toEqual([]);
    expect(tail).toBeUndefined();
    expect(contentOf(tar, entries.find(({ path }) => path === 'Ünïcode 漢') as ArchiveEntry)).toBe('text');
  });

  it('keeps PAX times, owners and attributes', async () => {
    const pax = {
      mtime: '1700000000.25',
      uid: '5000000000',
      'SCHILY.xattr.security.capability': Uint8Array.of(1, 0, 2),
      comment: 'x',
    };
    const { entries, notes } = await walk(forgeTar([{ name: 'a', pax }]));
    expect(entries[0]).toMatchObject({ modified: 1_700_000_000.25, uid: 5_000_000_000 });
    expect(entries[0]?.extendedAttributes?.['security.capability']).toEqual(Uint8Array.of(1, 0, 2));
    expect(notes).toEqual([]);
  });

  it('takes the size of a PAX header before that of the header behind it', async () => {
    const tar = forgeTar([{ name: 'a', data: 'twelve bytes', size: 0, pax: { size: '12' } }, { name: 'b' }]);
    const { entries } = await walk(tar);
    expect(entries.map(({ path, size }) => [path, size])).toEqual([
      ['a', 12],
      ['b', 0],
    ]);
  });

  it('applies a global PAX header to all that follow, and its own header above it', async () => {
    const global = { name: 'g', flag: 'g', data: Buffer.from('12 uid=1234\n') };
    const { entries } = await walk(
      forgeTar([global, { name: 'a' }, { name: 'b', pax: { uid: '7' } }, { name: 'c' }]),
    );
    expect(entries.map(({ uid }) => uid)).toEqual([1234, 7, 1234]);
  });

  it('accepts the sum of signed bytes that old writers made', async () => {
    const { entries, notes } = await walk(forgeTar([{ name: 'grün', checksum: 'signed' }]));
    expect([entries[0]?.path, notes]).toEqual(['grün', []]);
  });

  it('lists paths without ./, / and trailing slash, with or without the folder entry', async () => {
    const { entries } = await walk(
      forgeTar([
        { name: './', flag: '5' },
        { name: './checkpoint/core-1.img' },
        { name: '/etc/passwd' },
        { name: 'dir/', flag: '5' },
      ]),
    );
    expect(entries.map(({ path }) => path)).toEqual(['.', 'checkpoint/core-1.img', 'etc/passwd', 'dir']);
  });

  it('lists a GNU sparse file and says that its holes are missing', async () => {
    const sparse = join(folder, 'sparse');
    writeFileSync(join(folder, 'sparse-end'), '');
    const file = openSync(sparse, 'w');
    writeSync(file, randomBytes(4096), 0, 4096, 65_536);
    ftruncateSync(file, 1024 * 1024);
    closeSync(file);
    for (const format of ['gnu', 'posix']) {
      const tar = execFileSync('tar', [
        'cSf',
        '-',
        `--format=${format}`,
        '-C',
        folder,
        'sparse',
        'sparse-end',
      ]);
      const { entries, notes } = await walk(tar);
      expect(entries.map(({ path, type }) => [path, type])).toEqual([
        ['sparse', 'other'],
        ['sparse-end', 'file'],
      ]);
      expect(notes).toEqual([
        expect.objectContaining({ entry: 'sparse', message: expect.stringContaining('holes') }),
      ]);
    }
  });
});

describe('walkTar and large archives', () => {
  it.each(['base 256', 'PAX'])(
    'seeks over a 64 GiB entry with its size in %s: a few KiB are read',
    async (kind) => {
      const size = 64 * GIB;
      const header = forgeMember(
        kind === 'PAX'
          ? { name: 'pages-1.img', size: 0, pax: { size: String(size) } }
          : { name: 'pages-1.img', size },
      );
      const next = forgeTar([{ name: 'stats-dump', data: 'x' }]);
      const source = countingSource(
        sparseSource(header.length + size + next.length, [
          { offset: 0, bytes: header },
          { offset: header.length + size, bytes: next },
        ]),
      );
      const { entries, notes } = await walkTar(source);
      expect(entries.map(({ path, size: length }) => [path, length])).toEqual([
        ['pages-1.img', size],
        ['stats-dump', 1],
      ]);
      expect(notes).toEqual([]);
      expect(source.bytesRead).toBeLessThan(32 * 1024);
      expect(source.reads).toBeLessThanOrEqual(4);
    },
  );

  it('reads many small entries with few reads', async () => {
    const members = Array.from({ length: 2000 }, (_, index) => ({ name: `core-${index}.img`, data: 'x' }));
    const source = countingSource(bufferSource(forgeTar(members)));
    expect((await walkTar(source)).entries).toHaveLength(2000);
    expect(source.reads).toBeLessThan(45);
  });
});

describe('walkTar and the end of the archive', () => {
  const tar = forgeTar([{ name: 'a', data: 'x' }]);

  it('takes zeros behind the end for padding', async () => {
    const { tail, notes } = await walk(Buffer.concat([tar, Buffer.alloc(9 * 512)]));
    expect([tail, notes]).toEqual([undefined, []]);
  });

  it('reports what an earlier, larger archive left behind the end', async () => {
    const left = Buffer.alloc(4096);
    left.write('SECRET', 3000);
    const { tail, notes, entries } = await walk(Buffer.concat([tar, left]));
    expect(tail).toEqual({ offset: tar.length + 2560, size: 4096 - 2560 });
    expect(notes[0]?.message).toContain('1536 bytes lie behind');
    expect(entries).toHaveLength(1);
  });

  it('does not read a long tail of zeros to its end', async () => {
    const source = countingSource(sparseSource(10 * GIB, [{ offset: 0, bytes: tar }]));
    const { tail } = await walkTar(source);
    expect(tail?.size).toBeGreaterThan(9 * GIB);
    expect(source.bytesRead).toBeLessThan(70 * 1024 * 1024);
  });

  it('goes on behind a lone zero block when a header follows, and ends there otherwise', async () => {
    const second = forgeTar([{ name: 'b' }]);
    const followed = await walk(Buffer.concat([forgeTar([{ name: 'a' }], { endBlocks: 1 }), second]));
    expect(followed.entries.map(({ path }) => path)).toEqual(['a', 'b']);
    expect(followed.notes[0]?.message).toContain('lone zero block');
    const ended = await walk(
      Buffer.concat([forgeTar([{ name: 'a' }], { endBlocks: 1 }), Buffer.alloc(512, 'x')]),
    );
    expect(ended.entries).toHaveLength(1);
    expect(ended.tail).toEqual({ offset: 1024, size: 512 });
  });

  it('says that the end mark is missing', async () => {
    const { entries, notes } = await walk(forgeTar([{ name: 'a', data: 'x' }], { endBlocks: 0 }));
    expect(entries).toHaveLength(1);
    expect(notes[0]?.message).toContain('no end mark');
  });
});

it('reads GNU long names and links of any length up to the limit', async () => {
  const long = `${'d/'.repeat(100)}${'n'.repeat(200)}`;
  const tar = Buffer.concat([
    forgeLongName(long),
    forgeLongName(`../${long}`, 'K'),
    forgeMember({ name: long.slice(0, 99), flag: '2', link: 'short', format: 'gnu' }),
    forgeTar([{ name: 'next', flag: '2', link: 'own' }]),
  ]);
  const { entries } = await walk(tar);
  expect(entries.map(({ path, linkTarget }) => [path, linkTarget])).toEqual([
    [long, `../${long}`],
    ['next', 'own'],
  ]);
});
