import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../test/support/run-program.ts';

const COMPROMISED = 'fixtures/containerd-compromised/checkpoint.tar';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-memory-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const memory = (...args: readonly string[]) => runProgram(['memory', ...args]);

const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const ORIGINS = ['present', 'zero', 'file', 'lazy', 'parent', 'kernel', 'missing'];

describe('exhibit memory', () => {
  it('lists the processes with their sizes', async () => {
    const { code, stdout, stderr } = await memory(COMPROMISED);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^PID +PROCESS +REGIONS +MAPPED +ARCHIVE +ELSEWHERE$/m);
    expect(stdout).toMatch(/^ *22 +memfd:kdevtmpfs +\d+ +[\d.]+ KiB/m);
  });

  it('accounts for each byte of each region', async () => {
    const regions = jsonLines((await memory('--regions', '--json', COMPROMISED)).stdout);
    for (const region of regions) {
      expect(ORIGINS.reduce((sum, origin) => sum + region[origin], 0)).toBe(region.mapped);
      expect(Number(BigInt(region.end) - BigInt(region.start))).toBe(region.mapped);
    }
    const processes = jsonLines((await memory('--json', COMPROMISED)).stdout);
    for (const { pid, regions: count, mapped, present } of processes) {
      const own = regions.filter((region) => region.pid === pid);
      expect(own).toHaveLength(count);
      expect(own.reduce((sum, region) => sum + region.mapped, 0)).toBe(mapped);
      expect(own.reduce((sum, region) => sum + region.present, 0)).toBe(present);
    }
  });

  it('lists the regions that filters leave', async () => {
    const { stdout } = await memory('--pid', '1', '--vma', 'stack', '--prot', 'rw-', '--json', COMPROMISED);
    expect(jsonLines(stdout)).toEqual([
      expect.objectContaining({ pid: 1, kind: 'stack', name: '[stack]', permissions: 'rw-p' }),
    ]);
    const none = await memory('--prot', 'rwx', COMPROMISED);
    expect([none.code, none.stdout]).toEqual([0, '']);
    expect(none.stderr).toMatch(/no region is as asked for/);
  });

  it('shows a table of regions with their entropy', async () => {
    const { stdout } = await memory('--pid', '1', '--entropy', COMPROMISED);
    expect(stdout).toMatch(/^1 \(httpd\) {2}\d+ regions$/m);
    expect(stdout).toMatch(
      /^0x[\da-f]+-[\da-f]+ +132\.0 KiB +rw-p +[\d.]+ KiB +[\d.]+ KiB zero +[0-8]\.\d\d +\[stack\]$/m,
    );
  });

  it('fits a terminal of 80 columns', async () => {
    for (const args of [[], ['--entropy']]) {
      const { stdout } = await runProgram(['memory', ...args, COMPROMISED], { columns: 80 });
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  it('searches only where the filters let it', async () => {
    const search = ['-s', 'DB_', '--json', COMPROMISED];
    const all = jsonLines((await memory(...search)).stdout);
    const some = jsonLines((await memory('--pid', '1', ...search)).stdout);
    const stack = jsonLines((await memory('--vma', 'stack', ...search)).stdout);
    expect(all.length).toBeGreaterThan(some.length);
    expect(some).toEqual(all.filter(({ pid }) => pid === 1));
    expect(stack).toEqual(all.filter(({ region }) => region.kind === 'stack'));
    const { address, pid } = stack[0];
    const range = `${address}+3`;
    const one = jsonLines(
      (await memory('-s', 'DB_', '--pid', `${pid}`, '--range', range, '--json', COMPROMISED)).stdout,
    );
    expect(one).toEqual([stack[0]]);
    const less = await memory('-s', 'DB_PASSWORD', '--pid', `${pid}`, '--range', `${address}+2`, COMPROMISED);
    expect([less.code, less.stdout]).toEqual([0, '']);
  });

  it('finds what memparse finds', async () => {
    const args = ['-r', 'DB_[A-Z]+=[^\\x00]+', '-c', '16', '--json', COMPROMISED];
    expect((await memory(...args)).stdout).toBe((await runProgram(['memparse', ...args])).stdout);
  });

  it('prints strings with process and address, and says how many', async () => {
    const { code, stdout, stderr } = await memory('--strings', '-n', '20', '--vma', 'stack', COMPROMISED);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {4}1 {2}0x7ff[\da-f]+ {2}DB_PASSWORD=correct-horse-battery-staple$/m);
    expect(stdout.split('\n').every((line) => line === '' || line.length >= 23 + 20)).toBe(true);
    expect(stderr).toMatch(/\d+ strings in .* of memory of 4 processes/);
  });

  it('prints strings in one encoding, no more than asked for, as JSON', async () => {
    const args = ['--strings', '--encoding', 'ascii', '--limit', '3', '--json', COMPROMISED];
    const { stdout, stderr } = await memory(...args);
    const strings = jsonLines(stdout);
    expect(strings.map(({ encoding }) => encoding)).toEqual(['ascii', 'ascii', 'ascii']);
    expect(strings[0].locations[0].archive_offset).toBeGreaterThan(0);
    expect(stderr).toMatch(/stopped after 3 strings/);
  });

  it('shows the bytes at an address, of each process that has some there', async () => {
    const { stdout } = await memory('-s', 'DB_PASSWORD=', '--pid', '1', '--json', COMPROMISED);
    const { address } = jsonLines(stdout)[0];
    const dump = await memory('--hexdump', `${address}+32`, COMPROMISED);
    expect(dump.stdout).toMatch(/^# process 1 \(httpd\)$/m);
    expect(dump.stdout).toContain('|DB_PASSWORD=corr|\n');
    expect(dump.stdout.match(/\|\n/g)).toHaveLength(2);
    const json = await memory('--hexdump', `${address}+3`, '--json', COMPROMISED);
    expect(jsonLines(json.stdout)).toEqual([
      { archive: COMPROMISED, pid: 1, comm: 'httpd', address, length: 3, origin: 'present', hex: '44425f' },
    ]);
  });

  it('says of addresses without bytes why there are none', async () => {
    const { stdout } = await memory('--hexdump', '400000', '--pid', '1', COMPROMISED);
    expect(stdout).toMatch(/256 B unmodified content of the mapped file, not in the archive/);
    const none = await memory('--hexdump', '10', COMPROMISED);
    expect([none.code, none.stdout]).toEqual([1, '']);
    expect(none.stderr).toMatch(/no process has memory there/);
  });

  it('writes the memory of a process to a sparse file for its owner alone, and says what is where', async () => {
    const target = join(folder, 'heap.bin');
    const args = ['--dump', '--pid', '1', '--vma', 'stack', '-o', target, COMPROMISED];
    const { code, stdout } = await memory(...args, '--json');
    expect(code).toBe(0);
    const [region] = jsonLines(stdout);
    expect(region).toMatchObject({ pid: 1, kind: 'stack', output: target, offset: 0 });
    const { mode, size, blocks } = statSync(target);
    expect(mode & 0o777).toBe(0o600);
    expect(size).toBe(Number(BigInt(region.end) - BigInt(region.start)));
    expect(blocks * 512).toBeLessThan(size);
    expect(readFileSync(target).includes('DB_PASSWORD=correct-horse-battery-staple')).toBe(true);
    expect((await memory(...args)).stderr).toMatch(/is not written over/);
    const again = await memory(...args, '--force');
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/^ +0x0 +0x7ff[\da-f]+-[\da-f]+ +rw-p +[\d.]+ KiB +\[stack\]$/m);
  });

  it('never replaces the archive that it reads', async () => {
    const evidence = join(folder, 'evidence.tar');
    copyFileSync(COMPROMISED, evidence);
    const { code, stderr } = await memory('--dump', '--pid', '1', '--force', '-o', evidence, evidence);
    expect(code).toBe(1);
    expect(stderr).toMatch(/is the archive that is read/);
    expect(readFileSync(evidence).equals(readFileSync(COMPROMISED))).toBe(true);
  });

  it.each([
    [['--dump', COMPROMISED], 2, /the file to write with -o/],
    [['--dump', '-o', '/nowhere/x', COMPROMISED, COMPROMISED], 2, /one archive/],
    [['--dump', '-o', '/nowhere/x', COMPROMISED], 1, /several processes/],
    [
      ['--dump', '-o', '/nowhere/x', '--vma', 'vsyscall', '--pid', '1', COMPROMISED],
      1,
      /no byte of that memory/,
    ],
    [['--dump', '-o', '/nowhere/x', '--vma', 'nothing', COMPROMISED], 1, /no process has such memory/],
    [['--dump', '-o', '/nowhere/x', '--pid', '1', COMPROMISED], 1, /cannot write \/nowhere\/x/],
    [['--hexdump', 'zz', COMPROMISED], 1, /no range of memory/],
    [['--strings', '-s', 'a', COMPROMISED], 2, /--search and --strings exclude each other/],
    [['--strings', '-n', '5000', COMPROMISED], 2, /at most 1024/],
    [['--strings', '--encoding', 'ebcdic', COMPROMISED], 2, /ascii, utf-8/],
    [['--prot', 'rq', COMPROMISED], 1, /no permissions/],
    [['--range', '12', COMPROMISED], 1, /no range of memory/],
    [['--pid', '4242', COMPROMISED], 1, /no process with PID 4242/],
    [['--pid', '0', COMPROMISED], 2, /number above 0/],
    [['fixtures/containerd-web/recipe.md'], 1, /recipe\.md/],
  ])('refuses %j', async (args, code, message) => {
    const result = await memory(...args);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toMatch(message);
  });
});
