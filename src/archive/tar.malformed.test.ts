import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countingSource, sparseSource } from '../../test/support/sources.ts';
import {
  type ForgedMember,
  forgeLongName,
  forgeMember,
  forgePax,
  forgeTar,
} from '../../test/support/tar-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { MAX_PAX_BYTES, MAX_PAX_RECORDS, parsePax } from './pax.ts';
import { MAX_LONG_NAME_BYTES, type TarWalkOptions, walkTar } from './tar-walk.ts';

const walk = (bytes: Uint8Array, options?: TarWalkOptions) => walkTar(bufferSource(bytes), options);
const paths = async (bytes: Uint8Array, options?: TarWalkOptions) =>
  (await walk(bytes, options)).entries.map(({ path }) => path);

describe('a tar cut short', () => {
  it('keeps the readable part of an entry that is longer than the file', async () => {
    const whole = forgeTar([
      { name: 'a', data: 'whole' },
      { name: 'pages-1.img', data: Buffer.alloc(4096, 7) },
    ]);
    const { entries, notes } = await walk(whole.subarray(0, 512 + 512 + 512 + 1000));
    expect(entries.map(({ path, size }) => [path, size])).toEqual([
      ['a', 5],
      ['pages-1.img', 1000],
    ]);
    expect(notes).toEqual([
      {
        severity: 'warning',
        message: 'pages-1.img is cut short: 4096 bytes are promised, 1000 are there',
        entry: 'pages-1.img',
        offset: 1000,
      },
    ]);
  });

  it('lists what is whole, and has a note, wherever the cut is', () => {
    const members: ForgedMember[] = [
      { name: 'a', data: 'x'.repeat(700) },
      { name: 'b', pax: { path: 'long/b', 'SCHILY.xattr.user.k': 'v' } },
      { name: 'c', data: 'y'.repeat(512) },
    ];
    const whole = forgeTar(members);
    const end = whole.length - 1024;
    return fc.assert(
      fc.asyncProperty(fc.nat(end), async (cut) => {
        const { entries, notes } = await walk(whole.subarray(0, cut));
        expect(entries.every(({ offset, size }) => offset + size <= cut)).toBe(true);
        expect(notes.length).toBe(1);
        expect(['a', 'long/b', 'c'].slice(0, entries.length)).toEqual(entries.map(({ path }) => path));
      }),
    );
  });
});

describe('sizes that cannot be', () => {
  it.each([
    ['base 256 beyond 2^53', { size: 2n ** 60n }],
    ['a PAX size beyond 2^64', { pax: { size: '99999999999999999999' } }],
  ])('%s: the entry gets what is left, and a note', async (_name, fields) => {
    const { entries, notes } = await walk(
      forgeTar([{ name: 'a' }, { name: 'big', data: 'some bytes', ...fields }]),
    );
    expect(entries.map(({ path, size }) => [path, size])).toEqual([
      ['a', 0],
      ['big', 512 + 1024],
    ]);
    expect(notes[0]).toMatchObject({
      entry: 'big',
      message: expect.stringContaining('more than 2^53 bytes are promised'),
    });
  });

  it.each([
    ['negative', -1n],
    ['not octal', '77x9'],
  ])('%s: the header is damaged, the next is found', async (_name, size) => {
    const tar = forgeTar([{ name: 'a', data: 'x', size }, { name: 'b' }]);
    const { entries, notes } = await walk(tar);
    expect(entries.map(({ path }) => path)).toEqual(['b']);
    expect(notes[0]).toMatchObject({
      offset: 0,
      message: expect.stringContaining('damaged: 1024 bytes were passed over'),
    });
  });

  it('a link that promises content: what follows decides', async () => {
    const lying = await walk(forgeTar([{ name: 'l', flag: '2', link: 'x', size: 1024 }, { name: 'b' }]));
    expect(lying.entries.map(({ path, size }) => [path, size])).toEqual([
      ['l', 0],
      ['b', 0],
    ]);
    const honest = await walk(
      forgeTar([{ name: 'l', flag: '1', link: 'x', data: 'content' }, { name: 'b' }]),
    );
    expect(honest.entries.map(({ path }) => path)).toEqual(['l', 'b']);
    expect(honest.notes).toHaveLength(1);
  });
});

describe('damaged headers', () => {
  const members: ForgedMember[] = [
    { name: 'a', data: 'one' },
    { name: 'b', data: 'two' },
    { name: 'c', data: 'three' },
  ];

  it('a wrong checksum alone loses nothing', async () => {
    const { entries, notes } = await walk(
      forgeTar(members.map((member) => ({ ...member, checksum: 'wrong' as const }))),
    );
    expect(entries.map(({ path }) => path)).toEqual(['a', 'b', 'c']);
    expect(notes).toHaveLength(3);
    const single = forgeTar([
      members[0] as ForgedMember,
      { ...members[1], name: 'b', checksum: 'wrong' },
      members[2] as ForgedMember,
    ]);
    expect(await paths(single)).toEqual(['a', 'b', 'c']);
    expect((await walk(single)).notes[0]).toMatchObject({
      entry: 'b',
      offset: 1024,
      message: expect.stringContaining('checksum'),
    });
  });

  it('an overwritten header loses its own entry only', async () => {
    const tar = forgeTar(members);
    tar.fill(0xaa, 1024, 1536);
    const { entries, notes } = await walk(tar);
    expect(entries.map(({ path }) => path)).toEqual(['a', 'c']);
    expect(notes[0]).toMatchObject({
      offset: 1024,
      message: expect.stringContaining('1024 bytes were passed over'),
    });
  });

  it('the search for the next header ends at its limit', async () => {
    const tar = Buffer.concat([
      forgeMember({ name: 'a' }),
      Buffer.alloc(10 * 1024 * 1024, 1),
      forgeTar([{ name: 'z' }]),
    ]);
    const source = countingSource(bufferSource(tar));
    const { entries, notes } = await walkTar(source, { resyncLimit: 2 * 1024 * 1024 });
    expect(entries.map(({ path }) => path)).toEqual(['a']);
    expect(notes[0]?.message).toContain('no other was found');
    expect(source.bytesRead).toBeLessThan(3 * 1024 * 1024);
    expect(await paths(tar)).toEqual(['a', 'z']);
  });

  it('the limit is for the archive as a whole, not for each damaged header', async () => {
    const gap = Buffer.alloc(1024 * 1024, 1);
    const tar = Buffer.concat(
      Array.from({ length: 8 }, (_, at) => [forgeMember({ name: `m${at}` }), gap]).flat(),
    );
    expect(await paths(tar, { resyncLimit: 3.5 * 1024 * 1024 })).toHaveLength(4);
  });
});

describe('hostile names', () => {
  it.each(['../../etc/cron.d/x', 'a/../../b', '..', `${'d/'.repeat(300)}x`, 'n'.repeat(300)])(
    'lists %j and warns of it',
    async (name) => {
      const { entries, notes } = await walk(forgeTar([{ name: 'x', pax: { path: name } }]));
      expect(entries).toHaveLength(1);
      expect(notes).toEqual([
        expect.objectContaining({
          severity: 'warning',
          entry: name,
          message: expect.stringContaining('never written'),
        }),
      ]);
    },
  );

  it('a repeated path has one note, and folders may repeat', async () => {
    const { notes } = await walk(
      forgeTar([
        { name: 'a' },
        { name: 'd', flag: '5' },
        { name: './a' },
        { name: 'd/', flag: '5' },
        { name: 'a' },
      ]),
    );
    expect(notes.map(({ message }) => message)).toEqual(['a occurs 3 times; the last one counts']);
  });

  it('ignores a name longer than the limit', async () => {
    const tar = Buffer.concat([
      forgeLongName('n'.repeat(MAX_LONG_NAME_BYTES)),
      forgeTar([{ name: 'short' }]),
    ]);
    const { entries, notes } = await walk(tar);
    expect(entries.map(({ path }) => path)).toEqual(['short']);
    expect(notes[0]?.message).toContain('extended header was ignored');
  });
});

describe('PAX headers', () => {
  it.each([
    ['no length', 'path=x\n'],
    ['a length beyond the end', '99 path=x\n'],
    ['a length that ends before the line feed', '8 path=x\n'],
    ['a length of zero', '0 path=x\n'],
    ['a length with a leading zero', '010 path=x\n'],
    ['no equals sign', '8 path\n\n'],
    ['a huge length', '99999999999999999999 path=x\n'],
    ['a size that is no number', '13 size=12x4\n'],
    ['a negative size', '11 size=-1\n'],
    ['a path with a NUL', '12 path=a\0b\n'],
  ])('%s: damage is told, the records before it hold', (_name, record) => {
    const { records, damage } = parsePax(Buffer.concat([forgePax({ uid: '7' }), Buffer.from(record)]));
    expect(records.uid).toBe(7);
    expect(damage).toBeTypeOf('string');
  });

  it('bounds the number of records', () => {
    const many = Buffer.concat(Array.from({ length: MAX_PAX_RECORDS + 1 }, () => forgePax({ k: 'v' })));
    expect(parsePax(many).damage).toContain(String(MAX_PAX_RECORDS));
  });

  it('keeps an attribute called __proto__ an attribute', () => {
    const { records } = parsePax(forgePax({ 'SCHILY.xattr.__proto__': 'x' }));
    expect(Object.keys(records.extendedAttributes ?? {})).toEqual(['__proto__']);
  });

  it('does not read a header beyond the limit', async () => {
    const size = MAX_PAX_BYTES + 1;
    const header = forgeMember({ name: 'x', flag: 'x', size }).subarray(0, 512);
    const rest = forgeTar([{ name: 'b' }]);
    const start = 512 + Math.ceil(size / 512) * 512;
    const source = countingSource(
      sparseSource(start + rest.length, [
        { offset: 0, bytes: header },
        { offset: start, bytes: rest },
      ]),
    );
    expect((await walkTar(source)).entries.map(({ path }) => path)).toEqual(['b']);
    expect(source.bytesRead).toBeLessThan(32 * 1024);
  });

  it('bounds how many belong to one entry', async () => {
    const extended = forgeMember({ name: 'x', flag: 'x', data: forgePax({ path: 'p' }) });
    const { entries, notes } = await walk(
      Buffer.concat([...Array.from({ length: 100 }, () => extended), forgeTar([{ name: 'e' }])]),
    );
    expect(entries.map(({ path }) => path)).toEqual(['p']);
    expect(notes).toHaveLength(84);
  });
});

it('bounds the number of entries', async () => {
  const tar = forgeTar(Array.from({ length: 20 }, (_, at) => ({ name: `${at}` })));
  const { entries, notes } = await walk(tar, { maxEntries: 5 });
  expect(entries).toHaveLength(5);
  expect(notes[0]?.message).toBe('only the first 5 entries are listed');
});

it('bounds the number of notes', async () => {
  const { notes } = await walk(forgeTar(Array.from({ length: 300 }, (_, at) => ({ name: `../${at}` }))));
  expect(notes).toHaveLength(201);
  expect(notes.at(-1)?.message).toContain('100 more notes');
});

it('an old GNU sparse map that never ends is damage, not a loop', async () => {
  const block = forgeMember({ name: 's', flag: 'S', format: 'gnu' });
  block[482] = 1;
  const map = Buffer.alloc(512, 1);
  const { entries, notes } = await walk(Buffer.concat([block, map, map]));
  expect(entries).toEqual([]);
  expect(notes.length).toBeGreaterThan(0);
});

it('whatever the bytes are, it ends, throws nothing and stays inside', () => {
  const good = forgeTar([
    { name: 'a', data: 'x'.repeat(600) },
    { name: 'b', pax: { path: 'c' } },
    { name: 'l', flag: '1', link: 'a' },
  ]);
  return fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 40 }),
      async (edits) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of edits) bytes[at] = value;
        const { entries } = await walk(bytes);
        for (const { offset, size } of entries) {
          expect(size).toBeGreaterThanOrEqual(0);
          expect(offset + size).toBeLessThanOrEqual(bytes.length);
        }
      },
    ),
    { numRuns: 300 },
  );
});
