// `npm run check`: everything that can be said about the code without running it.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, root } from './prepare.mjs';

const CHECKS = [
  ['types', 'typescript/bin/tsc', ['--noEmit']],
  ['format and lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings']],
  [
    'import rule',
    'dependency-cruiser/bin/dependency-cruise.mjs',
    ['src', '--config', '.dependency-cruiser.mjs'],
  ],
  ['dead code', 'knip/bin/knip.js', []],
  ['kernels', '../scripts/kernels.mjs', ['--check']],
];

function runCheck([title, tool, args]) {
  return new Promise((resolve) => {
    const started = performance.now();
    let output = '';
    const child = spawn(process.execPath, [path.join(root, 'node_modules', tool), ...args], { cwd: root });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.on('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? '✓' : '✗'} ${title}  ${seconds} s${code === 0 ? '' : `\n${output}`}`);
      resolve(code === 0);
    });
  });
}

/** Two at a time: the machines that this runs on have few cores. */
export async function check() {
  const queue = [...CHECKS];
  const results = [];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results.push(await runCheck(next));
  };
  await Promise.all([worker(), worker()]);
  return results.every(Boolean);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureInstalled();
  process.exitCode = (await check()) ? 0 : 1;
}
