// Bundles src/ into dist/: the program, the library, and with `npm run build` the library's type declarations.
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, root } from './prepare.mjs';

const OPTIONS = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
};

/** Not in the bundle: what only some commands load, and is large or has native code. */
const LOADED_WHEN_NEEDED = ['@kubernetes/client-node', 'ws', '@litko/*'];

/** dist/program.cjs, started by dist/exhibit.cjs; and dist/index.js, the library. Decisions 002 and 019 say why so. */
export async function buildProgram() {
  const esbuild = await import('esbuild');
  rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  await Promise.all([buildLauncher(esbuild), buildOneFunction(esbuild), buildModules(esbuild)]);
  runNode([path.join(root, 'scripts/code-cache.mjs')]);
}

async function buildLauncher({ build }) {
  await build({
    ...OPTIONS,
    entryPoints: ['src/cli/launcher.ts'],
    outfile: 'dist/exhibit.cjs',
    format: 'cjs',
  });
  chmodSync(path.join(root, 'dist/exhibit.cjs'), 0o755);
}

/** All commands in one function. What a command loads with `import()` is still evaluated only then. */
async function buildOneFunction({ build }) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const contents = "export { processIo } from './io.ts'; export { run } from './program.ts';";
  await build({
    ...OPTIONS,
    stdin: { contents, resolveDir: path.join(root, 'src/cli'), loader: 'ts' },
    outfile: 'dist/program.cjs',
    format: 'cjs',
    minify: true,
    banner: { js: '(function (exports, require, module, importMetaUrl, summon) {' },
    footer: { js: '})' },
    define: {
      'process.env.EXHIBIT_VERSION': JSON.stringify(version),
      'import.meta.url': 'importMetaUrl',
      // Beside dist/program.cjs, which the launcher names as this module's place.
      'process.env.EXHIBIT_SEARCH_THREAD': JSON.stringify('./search-thread.js'),
    },
    external: LOADED_WHEN_NEEDED,
    plugins: [lateChildProcess],
  });
  importThroughLauncher(path.join(root, 'dist/program.cjs'));
}

/** commander loads it for commands that are programs of their own, which we have none of; loading it takes Node 5 ms. */
const lateChildProcess = {
  name: 'late-child-process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/commander/') ? { path: 'child_process', namespace: 'late' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'late' }, () => ({
      contents: "exports.spawn = (...args) => require('node:child_process').spawn(...args);",
    }));
  },
};

/**
 * A script out of a code cache cannot import: V8 forgets who is asked for its modules. So the launcher imports for it; the
 * name is as long as `import`, so that the source map stays right.
 */
function importThroughLauncher(file) {
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/\bimport(?=\("@)/g, 'summon'));
}

async function buildModules({ build }) {
  await build({
    ...OPTIONS,
    entryPoints: {
      index: 'src/index.ts',
      // Programs that exhibit starts beside itself.
      'programs/freeze-guard': 'src/capture/live/freeze/guard-program.ts',
      'programs/capture-pod': 'src/capture/live/pod/pod-program.ts',
      'search-thread': 'src/cli/threads/search-thread.ts',
    },
    outdir: 'dist',
    format: 'esm',
    packages: 'external',
  });
}

function runNode(argv) {
  const { status } = spawnSync(process.execPath, argv, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

function buildTypes() {
  runNode([path.join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json']);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureInstalled();
  await buildProgram();
  buildTypes();
}
