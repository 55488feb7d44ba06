// Makes a fresh clone runnable: installs when package-lock.json changed, builds when a source changed.
// Plain JavaScript and node built-ins only, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => path.join(root, ...parts);

const readStamp = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/** A step that says what it does and how long it took, on stderr so that a command's output stays its own. */
export async function step(title, action) {
  const started = performance.now();
  process.stderr.write(`${title}… `);
  const result = await action();
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  return result;
}

export async function ensureInstalled() {
  const stamp = at('node_modules', '.exhibit-lock');
  const lock = createHash('sha256')
    .update(readFileSync(at('package-lock.json')))
    .digest('hex');
  if (readStamp(stamp) === lock) return;
  await step('Installing dependencies (once)', () => {
    const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      encoding: 'utf8',
    });
    if (npm.status !== 0) {
      process.stderr.write(`\n${npm.stdout}${npm.stderr}\nnpm ci failed; is the npm registry reachable?\n`);
      process.exit(1);
    }
  });
  writeFileSync(stamp, lock);
}

/** A digest of names, sizes and times: as quick as `make`, and it notices deleted files too. */
function sourceStamp() {
  const hash = createHash('sha256').update(process.version);
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) visit(file);
      else hash.update(`${file}\0${statSync(file).size}\0${statSync(file).mtimeMs}\n`);
    }
  };
  visit(at('src'));
  for (const name of ['package.json', 'package-lock.json', 'scripts/build.mjs'])
    hash.update(readFileSync(at(name)));
  return hash.digest('hex');
}

export async function ensureBuilt() {
  const stamp = at('dist', '.stamp');
  const sources = sourceStamp();
  if (readStamp(stamp) === sources) return;
  await step('Building', async () => {
    const { buildProgram } = await import(pathToFileURL(at('scripts', 'build.mjs')).href);
    await buildProgram();
  });
  mkdirSync(at('dist'), { recursive: true });
  writeFileSync(stamp, sources);
}
