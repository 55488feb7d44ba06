import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../test/support/run-program.ts';

const WEB = 'fixtures/containerd-web/checkpoint.tar';
const PODMAN = 'fixtures/podman-web/checkpoint.tar.zst';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-memparse-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('exhibit memparse', () => {
  it("shows checkpointctl's table of sizes without a search", async () => {
    const { code, stdout } = await runProgram(['memparse', WEB]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Displaying processes memory sizes from ${WEB}`);
    expect(stdout).toMatch(/PID +PROCESS NAME +MEMORY SIZE +SHARED MEMORY SIZE/);
    expect(stdout).toMatch(/^ *1 +httpd +[\d.]+ KiB +[\d.]+ /m);
  });

  it('counts in the sizes the pages that the pagemap has', async () => {
    const { stdout } = await runProgram(['memparse', '--json', WEB]);
    const [first] = jsonLines(stdout);
    const crit = JSON.parse(readFileSync('fixtures/containerd-web/oracle/crit/pagemap-1.img.json', 'utf8'));
    const pages = crit.entries
      .slice(1)
      .reduce((sum: number, entry: { nr_pages: number }) => sum + entry.nr_pages, 0);
    expect(first.memory_size + first.shared_memory_size).toBe(pages * 4096);
  });

  it('shows each match with process, address, region and place, and its context', async () => {
    const { code, stdout, stderr } = await runProgram(['memparse', '-s', 'horse-battery', '-c', '8', WEB]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^1 \(httpd\) {2}0x7ff[\da-f]+ {2}rw-p \[stack\] {2}checkpoint\/pages-1\.img\+0x[\da-f]+ \(archive byte \d+\)$/m,
    );
    expect(stdout).toMatch(/^ {4}correct-horse-battery-staple/m);
    expect(stderr).toMatch(/match(es)? in .* of memory of 2 processes/);
  });

  it('prints JSON Lines', async () => {
    const { stdout } = await runProgram(['memparse', '-r', 'DB_[A-Z]+=[^\\x00]+', '--json', WEB]);
    const texts = jsonLines(stdout).map(({ text }) => text);
    expect(texts).toContain('DB_PASSWORD=correct-horse-battery-staple');
    expect(texts).toContain('DB_HOST=db.shop.svc');
  });

  it('says that nothing was found, which is no failure', async () => {
    const { code, stdout, stderr } = await runProgram([
      'memparse',
      '-s',
      'hex:0123456789abcdeffedcba98',
      WEB,
    ]);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/no match in/);
  });

  it('stops at the limit and says so', async () => {
    const { stdout, stderr } = await runProgram(['memparse', '-s', 'a', '--limit', '2', '--json', WEB]);
    expect(jsonLines(stdout)).toHaveLength(2);
    expect(stderr).toMatch(/stopped after 2 matches/);
  });

  it('shows a match as a hex dump', async () => {
    const { stdout } = await runProgram([
      'memparse',
      '-s',
      'hex:7f454c46',
      '--hex',
      '-c',
      '4',
      '--limit',
      '1',
      WEB,
    ]);
    expect(stdout).toMatch(/7f 45 4c 46/);
  });

  it('reads packed archives, without an offset in the archive', async () => {
    const { stdout } = await runProgram(['memparse', '-s', 'PATH=', '--json', PODMAN]);
    const [hit] = jsonLines(stdout);
    expect(hit.locations[0]).not.toHaveProperty('archive_offset');
  });

  it('dumps a process with its regions and gaps', async () => {
    const { code, stdout } = await runProgram(['memparse', '--pid', '1', WEB]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# process 1 \(httpd\)$/m);
    expect(stdout).toMatch(/^# 0x[\da-f]+-0x[\da-f]+ rw-p \[stack\] \(.* in the archive\)$/m);
    expect(stdout).toMatch(/zeros: never written to/);
    expect(stdout).toMatch(/^[\da-f]{16} {2}([\da-f]{2} ){8} ([\da-f]{2} ){8} \|.{16}\|$/m);
  });

  it('writes every row of a dump to a new file and never over one that is there', async () => {
    const target = join(folder, 'web.hex');
    expect((await runProgram(['memparse', '-p', '1', '-o', target, WEB])).code).toBe(0);
    const dump = readFileSync(target, 'utf8');
    expect(dump).not.toMatch(/^\*$/m);
    const rows = dump.match(/^[\da-f]{16} {2}/gm) ?? [];
    const [sizes] = jsonLines((await runProgram(['memparse', '--json', WEB])).stdout);
    expect(rows.length * 16).toBe(sizes.memory_size + sizes.shared_memory_size);
    const again = await runProgram(['memparse', '-p', '1', '-o', target, WEB]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/is not written over/);
    expect(readFileSync(target, 'utf8')).toBe(dump);
  });

  it.each([
    [['-s', 'a', '-r', 'b', WEB], 1, /exclude each other/],
    [['-r', '(a', WEB], 1, /without its \)/],
    [['-s', 'hex:xyz', WEB], 1, /hexadecimal/],
    [['-p', '4242', WEB], 1, /no process with PID 4242/],
    [['-p', 'x', WEB], 2, /number above 0/],
    [['-s', 'a', '-c', '999999', WEB], 2, /at most 65536/],
  ])('refuses %j', async (args, code, message) => {
    const result = await runProgram(['memparse', ...args]);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toMatch(message);
  });

  it('sends nothing of the memory to the terminal that could be a control sequence', async () => {
    const { stdout } = await runProgram(['memparse', '-r', '[\\x00-\\xff]{64}', '--limit', '500', WEB]);
    expect(stdout).not.toMatch(/[^\n\x20-\x7e\u00a1-\uffff]/);
    expect(stdout.length).toBeGreaterThan(1_000);
  });
});
