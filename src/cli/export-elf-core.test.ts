import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  forgeCheckpointTar,
  forgeMm,
  forgePagemap,
  forgeTasks,
} from '../../test/support/checkpoint-forge.ts';
import { byteAt, readCore } from '../../test/support/core-reader.ts';
import { runProgram } from '../../test/support/run-program.ts';
import { forgeTar } from '../../test/support/tar-forge.ts';

const ZOO = join(process.cwd(), 'fixtures/containerd-zoo/checkpoint.tar');
const folders: string[] = [];
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-core-'));
  folders.push(folder);
});
afterAll(() => {
  for (const each of folders) rmSync(each, { recursive: true });
});

const exportCore = (...argv: readonly string[]) =>
  runProgram(['export', 'elf-core', ...argv], { workingDirectory: folder });

describe('exhibit export elf-core', () => {
  it('writes core.PID for its owner alone, with holes, and says what is not in it', async () => {
    expect(await exportCore(ZOO, '--pid', '7')).toEqual({
      code: 0,
      stdout: [
        'core.7: process 7 family, X86_64, 4 threads, 40.0 KiB of memory',
        '  not in it: 28.0 KiB of unchanged pages of mapped files, which gdb takes from the files (set sysroot)',
        "  not in it: 28.0 KiB of the kernel's own pages, which no archive has",
        '',
      ].join('\n'),
      stderr: '',
    });
    const { mode, size, blocks } = statSync(join(folder, 'core.7'));
    expect(mode & 0o777).toBe(0o600);
    expect(blocks * 512).toBeLessThan(size);
    expect(readCore(readFileSync(join(folder, 'core.7'))).segments.length).toBeGreaterThan(10);
  });

  it('writes one of each process into a folder', async () => {
    const { code, stdout } = await exportCore(ZOO, '--all', '-o', 'cores', '--json');
    const told = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(code).toBe(0);
    expect(told.map(({ output }) => output).sort()).toEqual(
      readdirSync(join(folder, 'cores'))
        .map((name) => `cores/${name}`)
        .sort(),
    );
    expect(told).toHaveLength(8);
    expect(told[1]).toEqual({
      pid: 7,
      comm: 'family',
      machine: 'X86_64',
      threads: 4,
      segments: 14,
      size: statSync(join(folder, 'cores/core.7')).size,
      present: 40960,
      filled: [],
      absent: { file: 28672, kernel: 28672 },
      output: 'cores/core.7',
    });
    expect(statSync(join(folder, 'cores')).mode & 0o777).toBe(0o700);
  });

  it('writes over a file only with --force, and never through a link', async () => {
    writeFileSync(join(folder, 'evidence'), 'evidence');
    const refused = await exportCore(ZOO, '--pid', '1', '-o', 'evidence');
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not written over; name another'),
    });
    expect(readFileSync(join(folder, 'evidence'), 'utf8')).toBe('evidence');
    symlinkSync('evidence', join(folder, 'core.1'));
    expect((await exportCore(ZOO, '--pid', '1')).code).toBe(1);
    expect((await exportCore(ZOO, '--pid', '1', '--force')).code).toBe(0);
    expect(readFileSync(join(folder, 'evidence'), 'utf8')).toBe('evidence');
    expect(readCore(readFileSync(join(folder, 'core.1'))).machine).toBe(62);
  });

  it('leaves what is there in place when there is nothing to write', async () => {
    writeFileSync(join(folder, 'core.15'), 'before');
    const { code, stderr } = await exportCore(ZOO, '--pid', '15', '--force');
    expect([code, stderr]).toEqual([
      1,
      'exhibit: process 15 is a zombie: it had no memory in the archive, of which a core file is made\n',
    ]);
    expect(readFileSync(join(folder, 'core.15'), 'utf8')).toBe('before');
  });

  it('writes those of several that can be written', async () => {
    const { code, stdout, stderr } = await exportCore(ZOO, '--pid', '15', '--pid', '7', '-o', 'some');
    expect([code, readdirSync(join(folder, 'some'))]).toEqual([1, ['core.7']]);
    expect(stdout).toContain('some/core.7: process 7');
    expect(stderr).toContain('process 15 is a zombie');
  });

  it('fills in what is unchanged from a root filesystem, and what the archive has without one', async () => {
    mkdirSync(join(folder, 'rootfs/bin'), { recursive: true });
    writeFileSync(join(folder, 'rootfs/bin/family'), 'of another size');
    const other = await exportCore(ZOO, '--pid', '7', '--rootfs', 'rootfs');
    expect([other.code, other.stderr]).toEqual([
      3,
      expect.stringMatching(/family of .* has 15 bytes.*it is not used/),
    ]);
    const [, size = ''] = /mapped had (\d+)/.exec(other.stderr) ?? [];
    writeFileSync(join(folder, 'rootfs/bin/family'), Buffer.alloc(Number(size), 'x'));
    const filled = await exportCore(ZOO, '--pid', '7', '--rootfs', 'rootfs', '--force', '--json');
    expect([filled.code, JSON.parse(filled.stdout)]).toEqual([
      0,
      expect.objectContaining({
        present: 40960,
        absent: { kernel: 28672 },
        filled: [{ path: '/bin/family', origin: 'rootfs', size: Number(size), bytes: 28672 }],
      }),
    ]);
    const core = readFileSync(join(folder, 'core.7'));
    expect(byteAt(readCore(core), core, 0x400000n)).toBe('x'.charCodeAt(0));
    expect((await exportCore(ZOO, '--pid', '16')).stdout).toContain(
      'filled in: 12.0 KiB of unchanged pages of 1 file that the archive has',
    );
    expect((await exportCore(ZOO, '--pid', '7', '--rootfs', 'none')).code).toBe(1);
  });

  it('fills in from a tar, and from an image with layers', async () => {
    mkdirSync(join(folder, 'small/bin'), { recursive: true });
    writeFileSync(join(folder, 'small/bin/family'), '');
    const { stderr } = await exportCore(ZOO, '--pid', '7', '--rootfs', 'small');
    const [, size = ''] = /mapped had (\d+)/.exec(stderr) ?? [];
    const root = forgeTar([{ name: 'bin/family', data: Buffer.alloc(Number(size), 'y') }]);
    writeFileSync(join(folder, 'root.tar'), root);
    const manifest = JSON.stringify([{ Layers: ['layer.tar'] }]);
    const image = forgeTar([
      { name: 'layer.tar', data: root },
      { name: 'manifest.json', data: manifest },
    ]);
    writeFileSync(join(folder, 'image.tar'), image);
    for (const rootfs of ['root.tar', 'image.tar']) {
      const { code, stdout } = await exportCore(ZOO, '--pid', '7', '--rootfs', rootfs, '--force', '--json');
      expect([code, JSON.parse(stdout).filled]).toEqual([
        0,
        [{ path: '/bin/family', origin: 'rootfs', size: Number(size), bytes: 28672 }],
      ]);
      const core = readFileSync(join(folder, 'core.7'));
      expect(byteAt(readCore(core), core, 0x400000n)).toBe('y'.charCodeAt(0));
    }
  });

  it('wants to know of which process', async () => {
    expect((await exportCore(ZOO)).code).toBe(2);
    expect((await exportCore(ZOO, '--all', '--pid', '1')).code).toBe(2);
    expect((await exportCore(ZOO, '--pid', 'x')).code).toBe(2);
    const { code, stderr } = await exportCore(ZOO, '--pid', '999');
    expect([code, stderr]).toEqual([1, expect.stringContaining('has no process with PID 999')]);
    expect((await runProgram(['export', '--help'])).stdout).toContain('elf-core');
  });

  it('tells what was damaged, and shows no name of the archive unescaped', async () => {
    const thread_info = { clear_tid_addr: 0n, gpregs: { ip: 1n }, fpregs: { cwd: 0 } };
    const images = {
      ...forgeTasks([{ comm: 'x\u001b[2J', threads: [1, 2], core: { thread_info } }]),
      'mm-1.img': forgeMm({ vmas: [{ start: 0x1000n, end: 0x3000n }] }),
      'pagemap-1.img': forgePagemap([[0x1000n, 2, 4]]),
      'pages-1.img': new Uint8Array(4096).fill(1),
    };
    writeFileSync(join(folder, 'damaged.tar'), forgeCheckpointTar({ images }));
    const { code, stdout, stderr } = await exportCore('damaged.tar', '--pid', '1');
    expect(code).toBe(3);
    expect(stdout).toContain('process 1 x\\x1b[2J');
    expect(stdout).toContain('4.0 KiB lost with the damaged or missing part');
    expect(stderr).toContain('thread 2 of process 1 is left out of the core');
  });
});
