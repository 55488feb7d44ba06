import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sparseSource } from '../../test/support/sources.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { openFileSource } from '../bytes/file-source.ts';
import { walkTar } from './tar-walk.ts';
import { paddingAfter, TAR_END, type TarMember, tarHeader } from './tar-writer.ts';

interface Written {
  readonly member: TarMember;
  readonly data: Uint8Array;
}

const tarOf = (members: readonly Written[]): Uint8Array =>
  concat([
    ...members.flatMap(({ member, data }) => [
      tarHeader(member),
      data,
      new Uint8Array(paddingAfter(data.length)),
    ]),
    TAR_END,
  ]);

const plain = (member: Partial<TarMember> & Pick<TarMember, 'type' | 'path'>): Written => ({
  member: { mode: 0o640, modified: 1_700_000_000_000_000_000n, ...member },
  data: new Uint8Array(),
});

/** Headers with holes behind them. */
function writeSparseTar(file: string, sizes: readonly number[]): void {
  const descriptor = openSync(file, 'wx');
  let end = 0;
  for (const size of sizes) {
    const header = tarHeader(plain({ type: 'file', path: `${size} bytes`, size, sizeRecord: true }).member);
    writeSync(descriptor, header, 0, header.length, end);
    end += header.length + size + paddingAfter(size);
  }
  ftruncateSync(descriptor, end + TAR_END.length);
  closeSync(descriptor);
}

/** `TYPE+MODE OWNER SIZE DATE TIME NAME`, as GNU tar sees it. */
function gnuListing(from: readonly ['tvf', string], input?: Uint8Array): readonly string[] {
  const options = [...from, '--numeric-owner', '--full-time', '--utc', '--quoting-style=literal'];
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const listing = execFileSync('tar', options, { ...(input && { input }), env });
  return listing
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '));
}

const part = fc.stringMatching(/^[a-zA-Zäß0-9_.-]{1,60}$/).filter((name) => !/^\.+$/.test(name));
const memberPath = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => parts.join('/'));
const owner = fc.oneof(fc.nat(2_097_151), fc.constantFrom(2_097_152, 4_294_967_294));
const attributes = fc.dictionary(
  fc.stringMatching(/^user\.[a-z]{1,20}$/),
  fc.uint8Array({ maxLength: 600 }),
  { maxKeys: 3 },
);
const member = fc.record({
  path: memberPath,
  mode: fc.nat(0o7777),
  uid: owner,
  gid: owner,
  modified: fc.bigInt(-(10n ** 18n), 10n ** 19n),
  extendedAttributes: attributes,
});
const file = fc
  .tuple(member, fc.uint8Array({ maxLength: 1500 }))
  .map(([fields, data]): Written => ({ member: { ...fields, type: 'file', size: data.length }, data }));
const link = fc.tuple(member, fc.constantFrom('symlink', 'hardlink'), memberPath).map(
  ([fields, type, linkTarget]): Written => ({
    member: { ...fields, type, linkTarget },
    data: new Uint8Array(),
  }),
);
const other = fc
  .tuple(member, fc.constantFrom('directory', 'fifo', 'character-device', 'block-device'))
  .map(([fields, type]): Written => ({ member: { ...fields, type }, data: new Uint8Array() }));
const members = fc.uniqueArray(fc.oneof(file, link, other), {
  minLength: 1,
  maxLength: 6,
  selector: ({ member: { path: name } }) => name,
});

describe('tarHeader', () => {
  it('writes what the reader reads', async () => {
    await fc.assert(
      fc.asyncProperty(members, async (written) => {
        const tar = tarOf(written);
        const { entries, notes } = await walkTar(bufferSource(tar));
        expect(notes).toEqual([]);
        expect(entries).toHaveLength(written.length);
        for (const [index, { member: wanted, data }] of written.entries()) {
          const { modified, linkTarget, extendedAttributes, ...same } = wanted;
          const entry = entries[index];
          expect(entry).toMatchObject({ ...same, size: data.length });
          expect(entry?.modified).toBeCloseTo(Number(modified) / 1e9, 5);
          expect(entry?.linkTarget).toBe(linkTarget);
          expect({ ...entry?.extendedAttributes }).toEqual({ ...extendedAttributes });
          expect(tar.subarray(entry?.offset, (entry?.offset ?? 0) + data.length)).toEqual(data);
        }
      }),
    );
  });

  it('writes what GNU tar reads', () => {
    const longName = `${'a'.repeat(90)}/${'ß'.repeat(60)}/end`;
    const tar = tarOf([
      { ...plain({ type: 'file', path: 'a file', size: 3, uid: 1000, gid: 100 }), data: Buffer.from('abc') },
      plain({ type: 'file', path: longName, modified: 1_700_000_000_250_000_000n }),
      plain({ type: 'directory', path: 'folder', mode: 0o1777 }),
      plain({ type: 'symlink', path: 'link', linkTarget: longName }),
      plain({ type: 'hardlink', path: 'same', linkTarget: 'a file' }),
      plain({ type: 'character-device', path: 'whiteout', device: { major: 4, minor: 1_000_000 } }),
      plain({ type: 'fifo', path: 'pipe', uid: 4_000_000_000 }),
    ]);
    expect(gnuListing(['tvf', '-'], tar)).toEqual([
      '-rw-r----- 1000/100 3 2023-11-14 22:13:20 a file',
      `-rw-r----- 0/0 0 2023-11-14 22:13:20.25 ${longName}`,
      'drwxrwxrwt 0/0 0 2023-11-14 22:13:20 folder/',
      `lrw-r----- 0/0 0 2023-11-14 22:13:20 link -> ${longName}`,
      'hrw-r----- 0/0 0 2023-11-14 22:13:20 same link to a file',
      'crw-r----- 0/0 4,1000000 2023-11-14 22:13:20 whiteout',
      'prw-r----- 4000000000/0 0 2023-11-14 22:13:20 pipe',
    ]);
  });

  it('says sizes beyond 8 GiB, and keeps names that are no UTF-8', async () => {
    const size = 9 * 1024 ** 3;
    const big = tarHeader(plain({ type: 'file', path: 'big', size }).member);
    const name = Uint8Array.of(0x61, 0xff, 0x62);
    const behind = concat([tarHeader(plain({ type: 'file', path: name }).member), TAR_END]);
    const end = big.length + size;
    const { entries, notes } = await walkTar(
      sparseSource(end + behind.length, [
        { offset: 0, bytes: big },
        { offset: end, bytes: behind },
      ]),
    );
    expect(notes).toEqual([]);
    expect(entries.map((entry) => [entry.path, entry.size])).toEqual([
      ['big', size],
      ['a\ufffdb', 0],
    ]);
    expect(behind.subarray(0, 4)).toEqual(Uint8Array.of(0x61, 0xff, 0x62, 0));
  });

  it('leaves room for any size where it always says it, and every tar reads that', async () => {
    const lengths = [0, 5, 8 ** 11 - 1, 8 ** 11, Number.MAX_SAFE_INTEGER].map(
      (size) => tarHeader(plain({ type: 'file', path: 'a', size, sizeRecord: true }).member).length,
    );
    expect(new Set(lengths)).toEqual(new Set([3 * 512]));
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'exhibit-tar-')), 'sparse.tar');
    try {
      const sizes = [5, 8 ** 11 + 1, 3 * 8 ** 11];
      writeSparseTar(file, sizes);
      const source = await openFileSource(file);
      const { entries, notes } = await walkTar(source);
      await source.close();
      expect(notes).toEqual([]);
      expect(entries.map(({ size }) => size)).toEqual(sizes);
      expect(gnuListing(['tvf', file])).toEqual(
        sizes.map((size) => `-rw-r----- 0/0 ${size} 2023-11-14 22:13:20 ${size} bytes`),
      );
    } finally {
      rmSync(path.dirname(file), { recursive: true });
    }
  });

  it('writes a time before 1970 as GNU tar does', () => {
    const old = tarHeader(plain({ type: 'file', path: 'old', modified: -1_750_000_000n }).member);
    expect(Buffer.from(old).toString('latin1')).toContain('15 mtime=-1.75\n');
  });

  it('writes an equals sign in an attribute name as GNU tar does', () => {
    const attributed = tarHeader(
      plain({ type: 'file', path: 'a', extendedAttributes: { 'user.a=%': Buffer.from('x') } }).member,
    );
    expect(Buffer.from(attributed).toString('latin1')).toContain('SCHILY.xattr.user.a%3D%25=x\n');
  });
});
