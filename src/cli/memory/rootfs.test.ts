import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../../test/support/run-program.ts';
import { forgeTar } from '../../../test/support/tar-forge.ts';

const COMPROMISED = 'fixtures/containerd-compromised/checkpoint.tar';
/** A program as long as the one that is mapped at 0x400000 from its first byte on, other than it in every byte. */
const PROGRAM = Uint8Array.from({ length: 0x1f4000 }, (_, index) => 1 + ((index * 31) % 251));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-rootfs-'));
  mkdirSync(join(folder, 'root/bin'), { recursive: true });
  writeFileSync(join(folder, 'root/bin/busybox'), PROGRAM);
  writeFileSync(join(folder, 'root.tar'), forgeTar([{ name: './bin/busybox', data: PROGRAM }]));
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
    [['--rootfs', '/nowhere', '--strings', COMPROMISED], 2, /--rootfs goes with --dump or --hexdump/],
  ])('refuses %j', async (args, code, message) => {
    const result = await runProgram(['memory', ...args]);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toMatch(message);
  });
});
