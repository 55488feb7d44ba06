import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../src/archive/open-archive.ts';
import { bufferSource } from '../src/bytes/byte-source.ts';
import type { InspectedProcess, Inspection } from '../src/export/inspection.ts';
import { runProgram } from './support/run-program.ts';

const root = path.resolve(import.meta.dirname, '..');
const fixtures = (await readdir(path.join(root, 'fixtures'))).sort();

/** The recorded archive of a fixture, relative to the repository: goldens hold no path of this machine. */
async function archiveOf(fixture: string): Promise<string> {
  const names = await readdir(path.join(root, 'fixtures', fixture));
  const name = names.find((candidate) => candidate.startsWith('checkpoint.tar'));
  if (!name) throw new Error(`fixtures/${fixture} has no checkpoint`);
  return `fixtures/${fixture}/${name}`;
}

const inRepository = { workingDirectory: root };

describe.each(fixtures)('%s', (fixture) => {
  it.each([
    ['show', ['show'], {}],
    ['inspect', ['inspect'], {}],
    ['inspect-80-columns', ['inspect'], { columns: 80 }],
    ['inspect-all', ['inspect', '--all'], {}],
  ] as const)('prints %s as a person has checked it', async (name, argv, io) => {
    const { code, stdout, stderr } = await runProgram([...argv, await archiveOf(fixture)], {
      ...inRepository,
      ...io,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expect(stdout).toMatchFileSnapshot(`golden/${fixture}/${name}.txt`);
  });

  it('fits any terminal', async () => {
    const { stdout } = await runProgram(['inspect', await archiveOf(fixture)], {
      ...inRepository,
      columns: 80,
    });
    for (const line of stdout.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80);
  });

  it('prints the JSON that checkpointctl prints, and more', async () => {
    const oracle = JSON.parse(
      await readFile(path.join(root, 'fixtures', fixture, 'oracle/checkpointctl-inspect.json'), 'utf8'),
    );
    const [ours] = await inspectJson(await archiveOf(fixture), '--all');
    if (oracle.code !== 0) {
      // checkpointctl 1.3.0 gives up on a process that has no memory (a zombie).
      expect(oracle.stderr).toContain('failed to get process tree');
      expect(ours?.process_tree?.pid).toBe(1);
      return;
    }
    const [theirs] = oracle.stdout;
    // Ours go on with the mounts that CRIU found beside the configured ones.
    const mounts = ours?.mounts?.slice(0, theirs.mounts.length);
    expect({ ...ours, mounts }).toMatchObject(withoutKnownDifferences(theirs));
  });

  it('tells programs, arguments and environment as /proc told them of the live processes', async () => {
    const proc = JSON.parse(await readFile(path.join(root, 'fixtures', fixture, 'oracle/proc.json'), 'utf8'));
    const [ours] = await inspectJson(await archiveOf(fixture), '--all');
    const told = new Map(listAll(ours?.process_tree).map((process) => [process.pid, process]));
    for (const { pid, cmdline, environ, comm, exe, cwd, root: chroot } of proc.processes) {
      const process = told.get(pid);
      expect(process?.command).toBe(comm);
      if (process?.task_state === 'Dead') continue;
      const { executable, working_directory, root: processRoot } = process ?? {};
      expect(executable?.path.replace(' (deleted)', '')).toBe(exe.replace(' (deleted)', ''));
      expect(executable?.deleted).toBe(exe.endsWith(' (deleted)'));
      expect(executable?.memfd).toBe(exe.startsWith('/memfd:'));
      expect([working_directory?.path, processRoot?.path]).toEqual([cwd, chroot]);
      expect(process?.arguments).toEqual(cmdline);
      expect(process?.environment).toEqual(environ);
    }
    expect(told.size).toBe(proc.processes.length);
  });
});

async function inspectJson(...argv: readonly string[]): Promise<readonly Inspection[]> {
  const { code, stdout } = await runProgram(['inspect', '--json', ...argv], inRepository);
  expect(code).toBe(0);
  return JSON.parse(stdout) as Inspection[];
}

function listAll(process: InspectedProcess | undefined): readonly InspectedProcess[] {
  return process ? [process, ...(process.children ?? []).flatMap(listAll)] : [];
}

interface OracleProcess {
  readonly pid: number;
  cmdline?: string;
  environment_variables?: unknown;
  children?: OracleProcess[];
}

/**
 * checkpointctl 1.3.0 reads the memory of CRIU 4.2 as zeros, so its command lines are blank (asserted: when it learns to
 * read them, they are compared), and it tells children in the order of a Go map.
 */
function withoutKnownDifferences(oracle: { readonly process_tree: OracleProcess }): object {
  const visit = (process: OracleProcess): void => {
    expect(process.cmdline?.trim() ?? '').toBe('');
    delete process.cmdline;
    delete process.environment_variables;
    process.children?.sort((a, b) => a.pid - b.pid);
    process.children?.forEach(visit);
  };
  visit(oracle.process_tree);
  return oracle;
}

describe('list, show and inspect', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'exhibit-test-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('lists what is in a folder by time, and what cannot be read with the reason', async () => {
    const dir = path.join(folder, 'checkpoints');
    await mkdir(path.join(dir, 'deeper.tar'), { recursive: true });
    await copyFile(path.join(root, await archiveOf('podman-web')), path.join(dir, 'b.tar.zst'));
    await copyFile(path.join(root, await archiveOf('containerd-web')), path.join(dir, 'a.tar'));
    await writeFile(path.join(dir, 'bad.tar'), 'no archive\x1b[2J');
    await writeFile(path.join(dir, 'notes.txt'), 'not looked at');
    for (const name of ['b.tar.zst', 'bad.tar', 'a.tar'])
      await utimes(path.join(dir, name), 0, 1_700_000_000);
    const { code, stdout, stderr } = await runProgram(['list', 'checkpoints'], { workingDirectory: folder });
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    await expect(stdout).toMatchFileSnapshot('golden/list.txt');

    const json = JSON.parse(
      (await runProgram(['list', '--json', 'checkpoints'], { workingDirectory: folder })).stdout,
    );
    expect(json.map((item: Inspection) => item.archive)).toEqual([
      'checkpoints/b.tar.zst',
      'checkpoints/bad.tar',
      'checkpoints/a.tar',
    ]);
    expect(json[1].error.code).toBe('NOT_AN_ARCHIVE');
    expect(json[2].pod).toMatchObject({ namespace: 'shop', name: 'web' });
  });

  it('says where there is nothing to list', async () => {
    const { code, stderr } = await runProgram(['list', 'nowhere'], { workingDirectory: folder });
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'exhibit: there is no folder nowhere\n' });
  });

  it('reads the other archives when one cannot be read', async () => {
    const archive = await archiveOf('containerd-web');
    const { code, stdout, stderr } = await runProgram(
      ['show', '--json', 'missing.tar', archive],
      inRepository,
    );
    expect(code).toBe(1);
    expect(stderr).toContain('there is no file');
    expect(JSON.parse(stdout)).toMatchObject([{ archive, container_name: 'app' }]);
  });

  it('tells a process that is not there', async () => {
    const { code, stderr } = await runProgram(
      ['inspect', '--pid', '4711', await archiveOf('containerd-web')],
      inRepository,
    );
    expect(code).toBe(1);
    expect(stderr).toContain('no process 4711');
  });

  it.each([[['--pid', 'x']], [['--pid', '0']], [['--format', 'xml']], [['--no-such-flag']], [[]]])(
    'refuses %j as a wrong command line',
    async (argv) => {
      const { code, stderr } = await runProgram(['inspect', ...argv]);
      expect(code).toBe(2);
      expect(stderr).toContain('add --help');
    },
  );

  it('shows a block per archive where a table would not fit', async () => {
    const archive = await archiveOf('containerd-web');
    const wide = await runProgram(['show', archive], inRepository);
    const narrow = await runProgram(['show', archive], { ...inRepository, columns: 80 });
    expect(wide.stdout.split('\n')[0]).toMatch(/^CONTAINER +IMAGE +ID/);
    expect(narrow.stdout).toContain('container of pod shop/web');
  });

  it('sends nothing of a hostile archive to the terminal', async () => {
    const hostile = path.join(folder, 'hostile.tar');
    await writeFile(
      hostile,
      await forgeHostileArchive(path.join(root, await archiveOf('containerd-compromised'))),
    );
    for (const argv of [
      ['inspect'],
      ['inspect', '--all'],
      ['inspect', '--all', '--json'],
      ['show'],
      ['list'],
    ]) {
      const { stdout, stderr } = await runProgram([...argv, hostile], { columns: 80 });
      expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
      if (argv.length > 1) expect(stdout).toMatch(/\\(x1b\[2J|u001b\[2J)/);
    }
  });
});

/** The archive with escape sequences in every name that the captured machine could choose, at the same length. */
async function forgeHostileArchive(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file);
  const index = await openArchive(bufferSource(bytes));
  for (const entry of index.entries) {
    const content = bytes.subarray(entry.offset, entry.offset + entry.size);
    if (entry.path.startsWith('checkpoint/')) replaceAll(content, 'httpd', '\x1b[2Jh');
    if (entry.path.startsWith('checkpoint/')) replaceAll(content, '/tmp/', '\x9b\x07\x7f\r\n');
    if (entry.path === 'spec.dump') replaceAll(content, '"shop"', '"\\n\\t"');
  }
  return bytes;
}

function replaceAll(bytes: Buffer, from: string, to: string): void {
  const replacement = Buffer.from(to, 'latin1');
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) replacement.copy(bytes, at);
}
