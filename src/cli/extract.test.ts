import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../test/support/run-program.ts';
import { forgeTar } from '../../test/support/tar-forge.ts';
import { ExitCode } from './io.ts';

const COMPROMISED = join(process.cwd(), 'fixtures/containerd-compromised/checkpoint.tar');
const ZOO = join(process.cwd(), 'fixtures/containerd-zoo/checkpoint.tar');
const PODMAN = join(process.cwd(), 'fixtures/podman-web/checkpoint.tar.zst');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const extract = (...argv: string[]) => runProgram(['extract', ...argv], { workingDirectory: folder });

/** Every file below the working directory. */
const written = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((item) => !item.isDirectory())
    .map((item) => join(item.parentPath, item.name).slice(folder.length + 1))
    .sort();

describe('exhibit extract', () => {
  it('writes a file that the container dropped, and prints where', async () => {
    const { code, stdout, stderr } = await extract(COMPROMISED, '/tmp/.cron');
    expect([code, stderr]).toEqual([ExitCode.done, '']);
    expect(stdout).toBe(`${join(folder, 'checkpoint.tar.extracted/files/rootfs/tmp/.cron')}\n`);
    expect(readFileSync(stdout.trim(), 'utf8')).toMatch(/^\* \* \* \* \* wget -qO- http/);
    expect(statSync(stdout.trim()).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['a tmpfs', ZOO, '/dev/.hidden', 'content-of-a-tmpfs-file\n'],
    ['its deleted files', ZOO, '/tmp/dropped', 'content-of-a-deleted-file\n'],
    ['a memfd', ZOO, 'memfd:notes', 'in-a-memfd\n'],
    ['a Podman root filesystem', PODMAN, '/etc/passwd', expect.stringContaining('root:')],
    ['the archive', PODMAN, 'deleted.files', expect.stringMatching(/^\[/)],
  ])('writes a file of %s to standard output', async (_origin, file, path, content) => {
    const { code, stdout, stderr } = await extract(file, path, '-o', '-');
    expect([code, stderr]).toEqual([ExitCode.done, '']);
    expect(stdout).toEqual(content);
    expect(written()).toEqual([]);
  });

  it('writes everything, to one place for each origin', async () => {
    const { code, stdout } = await extract(ZOO, '--all', '-o', 'out');
    expect(code).toBe(ExitCode.done);
    expect(stdout).toMatch(/^\d+ files, .* written to out\n$/);
    const tops = new Set(
      written().map((path) =>
        path
          .split('/')
          .slice(0, 3)
          .join('/')
          .replace(/^(out\/archive)\/.*/, '$1'),
      ),
    );
    expect([...tops]).toEqual(
      expect.arrayContaining([
        'out/archive',
        'out/files/deleted',
        'out/files/memfd',
        'out/files/rootfs',
        'out/files/tmpfs',
      ]),
    );
    expect(written().every((path) => (statSync(join(folder, path)).mode & 0o777) === 0o600)).toBe(true);
  });

  it('lists what there is, as text and as JSON', async () => {
    const text = await extract(COMPROMISED, '--list');
    expect(text.stdout).toMatch(/^TYPE +SIZE +ORIGIN +PATH\n/);
    expect(text.stdout).toMatch(/^file +\d+ B +rootfs +\/tmp\/\.cron$/m);
    const { stdout } = await extract(COMPROMISED, '--list', '--json', '/tmp/.cron');
    expect(JSON.parse(stdout)).toEqual([
      {
        origin: 'rootfs',
        path: '/tmp/.cron',
        type: 'file',
        size: expect.any(Number),
        mode: 0o644,
        entry: 'rootfs-diff.tar',
      },
    ]);
    expect(written()).toEqual([]);
  });

  it('tells what it did as JSON', async () => {
    const { stdout } = await extract(COMPROMISED, 'config.dump', '-o', 'out', '--json');
    expect(JSON.parse(stdout)).toEqual({
      files: [
        {
          origin: 'archive',
          path: 'config.dump',
          size: expect.any(Number),
          output: join(folder, 'out/archive/config.dump'),
        },
      ],
      skipped: [],
      bytes: expect.any(Number),
    });
  });

  it('writes over nothing unless forced', async () => {
    await extract(COMPROMISED, 'config.dump', '-o', 'out');
    const again = await extract(COMPROMISED, 'config.dump', '-o', 'out');
    expect(again.code).toBe(ExitCode.failed);
    expect(again.stderr).toMatch(/^exhibit: .*config\.dump exists and is not written over; .*--force\n$/);
    expect((await extract(COMPROMISED, 'config.dump', '-o', 'out', '--force')).code).toBe(ExitCode.done);
  });

  it.each([
    [[COMPROMISED], 'say what to extract'],
    [[COMPROMISED, 'config.dump', '--all'], 'either entries or --all'],
    [[COMPROMISED, '--all', '-o', '-'], 'cannot go to standard output'],
    [[COMPROMISED, '--all', '--max-size', 'lots'], 'must be a number of bytes'],
    [[], "missing required argument 'file'"],
  ])('%j is a usage error', async (argv, message) => {
    const { code, stderr } = await extract(...argv);
    expect(code).toBe(ExitCode.usage);
    expect(stderr).toContain(message);
  });

  it.each([
    [['missing.tar', '--all'], 'there is no file'],
    [[COMPROMISED, '/etc/shadow'], 'there is no /etc/shadow in the archive'],
    [[COMPROMISED, 'checkpoint', '-o', '-'], 'standard output takes one'],
    [[COMPROMISED, '--all', '--max-size', '1k'], 'the limit is 1024'],
  ])('%j fails with one line', async (argv, message) => {
    const { code, stderr } = await extract(...argv);
    expect(code).toBe(ExitCode.failed);
    expect(stderr).toMatch(/^exhibit: [^\n]*\n$/);
    expect(stderr).toContain(message);
    expect(written()).toEqual([]);
  });

  it('writes nothing outside for a hostile archive, and lets nothing of it control the terminal', async () => {
    writeFileSync(
      join(folder, 'evil.tar'),
      forgeTar([
        { name: 'config.dump', data: '{}' },
        { name: '../../escaped', data: 'evil' },
        { name: 'link', flag: '2', link: '/etc' },
        { name: 'link/passwd', data: 'evil' },
        { name: '\x1b]0;owned\x07', data: 'evil' },
        { name: '/tmp/absolute', data: 'evil' },
      ]),
    );
    const { code, stdout, stderr } = await extract('evil.tar', '--all', '-o', 'deep/out');
    expect(code).toBe(ExitCode.damaged);
    expect(stderr).toContain('not written: ../../escaped: its path leads out');
    expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
    expect(written()).toEqual([
      'deep/out/archive/\x1b]0;owned\x07',
      'deep/out/archive/config.dump',
      'deep/out/archive/link/passwd',
      'deep/out/archive/tmp/absolute',
      'evil.tar',
    ]);
    expect(existsSync('/tmp/absolute')).toBe(false);
    const list = await extract('evil.tar', '--list');
    expect(list.stdout).toContain('\\x1b]0;owned\\x07');
  });
});
