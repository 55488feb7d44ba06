import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runProgram } from '../../test/support/run-program.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-collect-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([
  [[], /name a pod, or --node and --path, or --all/],
  [['--path', 'a.tar'], /--path needs --node/],
  [['shop/web', '--node', 'n1', '--path', 'a.tar'], /no pod and no --all/],
  [['shop/web/app/x'], /more than three parts/],
  [['--all', '--older-than', '7'], /number with s, m, h or d/],
  [['--all', '--helper-namespace', 'a/b'], /no name of a namespace/],
  [['--all', '--image-pull-policy', 'maybe'], /Allowed choices are/],
])('a command line that cannot be meant: %j', async (argv, told) => {
  const { code, stderr } = await runProgram(['collect', ...argv]);
  expect(code).toBe(2);
  expect(stderr).toMatch(told);
});

test('a cluster that is not reached is told, and nothing is made here', async () => {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { token: 'a-token-that-must-never-be-shown' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  const file = path.join(folder, 'kubeconfig');
  writeFileSync(file, JSON.stringify(config));
  const { code, stdout, stderr } = await runProgram([
    'collect',
    'shop/web',
    '--kubeconfig',
    file,
    '-o',
    folder,
  ]);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('cannot reach https://127.0.0.1:1');
  expect(stderr).not.toContain('a-token');
  expect(readdirSync(folder)).toEqual(['kubeconfig']);
});
