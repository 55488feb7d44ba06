import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../../test/support/run-program.ts';
import { forgeTar } from '../../../test/support/tar-forge.ts';

const COMPROMISED = 'fixtures/containerd-compromised/checkpoint.tar';
/** A program as long as the one that is mapped at 0x400000 from its first byte on, other than it in every byte. */
const PROGRAM = Uint8Array.from({ length: 2_063_232 }, (_, index) => 1 + ((index * 31) % 251));
const MARKER = 'a text of the file only';
PROGRAM.set(new TextEncoder().encode(`\0${MARKER}\0`), 0x2ff);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-rootfs-'));
  mkdirSync(join(folder, 'root/bin'), { recursive: true });
  writeFileSync(join(folder, 'root/bin/busybox'), PROGRAM);
  writeFileSync(join(folder, 'root.tar'), forgeTar([{ name: './bin/busybox', data: PROGRAM }]));
  const layer = forgeTar([{ name: 'bin/busybox', data: PROGRAM }]);
  const manifest = JSON.stringify([{ Layers: ['layer.tar'] }]);
  const image = [
    { name: 'layer.tar', data: gzipSync(layer) },
    { name: 'manifest.json', data: manifest },
  ];
  writeFileSync(join(folder, 'image.tar'), forgeTar(image));
  mkdirSync(join(folder, 'linked'));
  symlinkSync(join(folder, 'root/bin'), join(folder, 'linked/bin'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function dump(rootfs: string, name: string) {
  const target = join(folder, name);
  const args = ['--dump', '--pid', '1', '--vma', 'busybox', '--rootfs', join(folder, rootfs), '-o', target];
  const { code, stdout } = await runProgram(['memory', ...args, '--json', COMPROMISED]);
  const regions = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { code, bytes: readFileSync(target), regions };
}

describe('--rootfs', () => {
  it.each(['root', 'root.tar'])(
    'fills what the archive lacks of mapped files from %s, and nothing else',
    async (rootfs) => {
      const { code, bytes, regions } = await dump(rootfs, `${rootfs}.bin`);
      expect(code).toBe(0);
      const [header, text] = regions;
      expect(header).toMatchObject({ start: '0x400000', present: 0, filled: 4096, offset: 0 });
      expect(bytes.subarray(0, 4096).equals(PROGRAM.subarray(0, 4096))).toBe(true);
      // The first page of the code was written to; it is the archive's.
      expect(text).toMatchObject({ start: '0x401000', present: 4096, offset: 4096 });
      expect(text.filled).toBe(0x194000 - 4096);
      const page = await runProgram([
        'memory',
        '--hexdump',
        '401000+4096',
        '--pid',
        '1',
        '--json',
        COMPROMISED,
      ]);
      expect(bytes.subarray(4096, 8192).toString('hex')).toBe(JSON.parse(page.stdout).hex);
      expect(bytes.subarray(8192, 0x195000).equals(PROGRAM.subarray(8192, 0x195000))).toBe(true);
    },
  );

  it('says which bytes are not from the archive', async () => {
    const args = ['--hexdump', '400ff0+32', '--pid', '1', '--rootfs', join(folder, 'root'), COMPROMISED];
    const { stdout } = await runProgram(['memory', ...args]);
    expect(stdout).toMatch(
      /^# 0x400ff0-0x401000 {2}not in the archive: 16 B of \/bin\/busybox in the root filesystem given$/m,
    );
    const json = await runProgram(['memory', '--json', ...args]);
    const [line] = json.stdout.split('\n');
    expect(JSON.parse(line ?? '')).toMatchObject({ origin: 'file', file: '/bin/busybox', length: 16 });
  });

  it('does not follow links, which may lead out of the folder', async () => {
    const { regions } = await dump('linked', 'linked.bin');
    expect(regions.every(({ filled }) => filled === 0)).toBe(true);
  });

  it.each([
    [['--rootfs', '/nowhere', '--hexdump', '400000', COMPROMISED], 1, /no root filesystem at \/nowhere/],
    [['--rootfs', '/nowhere', '--strings', COMPROMISED], 1, /no root filesystem at \/nowhere/],
    [
      ['--rootfs', '/nowhere', '--regions', COMPROMISED],
      2,
      /--rootfs goes with --search, --search-regex, --strings, --yara, --dump or --hexdump/,
    ],
  ])('refuses %j', async (args, code, message) => {
    const result = await runProgram(['memory', ...args]);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toMatch(message);
  });
});

describe('--rootfs in a search', () => {
  const FILLED = { entry: 'rootfs:/bin/busybox', offset: 0x300, length: MARKER.length, filled: true };

  async function hits(rootfs: string | undefined, ...args: readonly string[]) {
    const given = rootfs === undefined ? [] : ['--rootfs', join(folder, rootfs)];
    const { code, stdout } = await runProgram(['memory', ...args, ...given, '--json', COMPROMISED]);
    expect(code).toBe(0);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  it.each([
    ['root', ['--search', MARKER]],
    ['root.tar', ['--search', MARKER]],
    ['image.tar', ['--search', MARKER]],
    ['root', ['--search-regex', 'a text of the file [a-z]+']],
    ['root', ['--strings', '--vma', 'busybox', '-n', '20', '--range', '400000-401000']],
  ])(
    'finds in %s what mapped files held, by %j, and says that it is not from the archive',
    async (root, args) => {
      expect(await hits(undefined, ...args)).toEqual([]);
      const found = (await hits(root, ...args)).filter(({ text }) => text === MARKER);
      expect(found).toMatchObject([{ address: '0x400300', locations: [FILLED] }]);
    },
  );

  it('tells a person so', async () => {
    const root = ['--rootfs', join(folder, 'root'), COMPROMISED];
    const search = await runProgram(['memory', '--search', MARKER, ...root]);
    expect(search.stdout).toContain('rootfs:/bin/busybox+0x300 (not in the archive)');
    const strings = await runProgram(['memory', '--strings', '--range', '400000-401000', ...root]);
    expect(strings.stdout).toMatch(new RegExp(`0x400300 +rootfs ${MARKER}$`, 'm'));
  });

  it('finds what crosses from the file into the archive, with its context', async () => {
    const page = await runProgram(['memory', '--hexdump', '401000+4', '--pid', '1', '--json', COMPROMISED]);
    const bytes = Buffer.from(PROGRAM.subarray(0xffc, 0x1000)).toString('hex') + JSON.parse(page.stdout).hex;
    const found = await hits('root', '--search', `hex:${bytes}`, '--pid', '1', '-c', '8');
    expect(found).toMatchObject([
      {
        address: '0x400ffc',
        locations: [{ entry: 'rootfs:/bin/busybox', filled: true }, { entry: 'checkpoint/pages-1.img' }],
        context: { before_hex: Buffer.from(PROGRAM.subarray(0xff4, 0xffc)).toString('hex') },
      },
    ]);
    expect(found[0].locations[1]).not.toHaveProperty('filled');
  });

  it.each([
    ['--search', MARKER],
    ['--hexdump', '400000+16'],
    ['--dump', '--pid', '1', '--vma', 'busybox', '-o', 'other.bin'],
  ])('takes no file of another size for %j, and says so', async (...question) => {
    mkdirSync(join(folder, 'other/bin'), { recursive: true });
    writeFileSync(join(folder, 'other/bin/busybox'), PROGRAM.subarray(0, 0x1000));
    const args = [...question, '--rootfs', 'other', join(process.cwd(), COMPROMISED)];
    const { code, stderr } = await runProgram(['memory', ...args], { workingDirectory: folder });
    expect(code).toBe(3);
    expect(stderr).toMatch(/\/bin\/busybox of .*other has 4096 bytes, .*: it is not used/);
  });

  it('takes what the container deleted from the archive, and says so', async () => {
    const elf = ['--range', '400000-401000', '--pid', '21'];
    expect(await hits(undefined, '--search', 'hex:7f454c46', ...elf)).toEqual([]);
    const [hit] = await hits('root', '--search', 'hex:7f454c46', ...elf);
    const place = { entry: 'held:/tmp/.cache/sshd (deleted)', offset: 0, length: 4 };
    expect(hit.locations).toEqual([place]);
    const args = ['--hexdump', '400000+16', '--pid', '21', '--rootfs', join(folder, 'root'), COMPROMISED];
    expect((await runProgram(['memory', ...args])).stdout).toContain(
      'not in its pages: 16 B of /tmp/.cache/sshd (deleted) as the archive holds it',
    );
  });
});
