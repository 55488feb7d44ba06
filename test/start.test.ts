import { execFileSync, spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from './support/run-program.ts';

const root = path.resolve(import.meta.dirname, '..');
const ARCHIVE = path.join(root, 'fixtures/containerd-web/checkpoint.tar');
const CACHE = `program-${process.version}-${process.arch}.cache`;

/** The built program in a folder from which no package can be found. */
let folder: string;

beforeAll(() => {
  const build = "await (await import('./scripts/prepare.mjs')).ensureBuilt()";
  execFileSync(process.execPath, ['--input-type=module', '-e', build], { cwd: root });
}, 120_000);

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'exhibit-start-'));
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
  for (const name of await readdir(path.join(root, 'dist'))) {
    if (/\.(c?js|cache)$/.test(name)) await copyFile(path.join(root, 'dist', name), path.join(folder, name));
  }
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const start = (...argv: string[]) =>
  spawnSync(process.execPath, [path.join(folder, 'exhibit.cjs'), ...argv], { encoding: 'utf8' });

describe('the built program', () => {
  it.each([['inspect', '--all'], ['inspect', '--all', '--json'], ['show'], ['memory', '--search', 'nginx']])(
    'loads neither the Kubernetes client nor ws nor YARA for %s %s',
    async (...argv) => {
      const expected = await runProgram([...argv, ARCHIVE]);
      const { status, stdout, stderr } = start(...argv, ARCHIVE);
      expect({ status, stdout, stderr }).toEqual({
        status: expected.code,
        stdout: expected.stdout,
        stderr: expected.stderr,
      });
    },
  );

  it('loads the Kubernetes client for what asks a cluster', async () => {
    const kubeconfig = path.join(folder, 'kubeconfig');
    const named = { name: 'nowhere', cluster: { server: 'https://127.0.0.1:9' }, user: {} };
    const context = { name: 'nowhere', context: { cluster: 'nowhere', user: 'nowhere' } };
    const config = { clusters: [named], users: [named], contexts: [context], 'current-context': 'nowhere' };
    await writeFile(kubeconfig, JSON.stringify(config));
    const without = start('pods', '--kubeconfig', kubeconfig);
    expect([without.status, without.stderr]).toEqual([1, expect.stringContaining('Cannot find')]);
    await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    const { status, stderr } = start('pods', '--kubeconfig', kubeconfig);
    expect([status, stderr]).toEqual([1, expect.stringContaining('127.0.0.1:9')]);
    expect(stderr).not.toContain('defect');
  });

  it('has a code cache that this Node takes', async () => {
    expect(await readdir(folder)).toContain(CACHE);
    const takes = `
      const { readFileSync } = require('node:fs');
      const { Script } = require('node:vm');
      const script = new Script(readFileSync('program.cjs', 'latin1'), { cachedData: readFileSync('${CACHE}') });
      process.exit(script.cachedDataRejected ? 1 : 0);`;
    expect(spawnSync(process.execPath, ['-e', takes], { cwd: folder }).status).toBe(0);
  });

  it.each([
    ['is not there', () => rm(path.join(folder, CACHE))],
    ['is of something else', () => writeFile(path.join(folder, CACHE), 'not the code of anything')],
    ['is empty', () => writeFile(path.join(folder, CACHE), '')],
  ])('does without a code cache that %s', async (_what, spoil) => {
    await spoil();
    const { status, stdout } = start('show', ARCHIVE);
    expect([status, stdout]).toEqual([0, (await runProgram(['show', ARCHIVE])).stdout]);
  });
});
