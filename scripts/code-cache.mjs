// Runs dist/program.cjs on a fixture and keeps the code that V8 made of it: what ran is then compiled already at each start.
// A process of its own, because only what is compiled here may be kept; see docs/decisions/019-code-cache.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const file = path.join(root, 'dist/program.cjs');
const FIXTURE = 'fixtures/containerd-web/checkpoint.tar';
/** What people start most often, and for one archive after the other. */
const COMMANDS = [
  ['inspect', '--all', '--json', FIXTURE],
  ['inspect', FIXTURE],
  ['show', FIXTURE],
  ['list', 'fixtures/containerd-web'],
  ['memory', FIXTURE],
  ['memory', '--search', 'exhibit', FIXTURE],
];

const io = {
  out: async () => undefined,
  err: () => undefined,
  columns: 80,
  color: false,
  interactive: false,
  canAsk: false,
  environment: {},
  workingDirectory: root,
};

const script = new Script(readFileSync(file, 'latin1'), { filename: file });
const { href } = pathToFileURL(file);
const program = { exports: {} };
script.runInThisContext()(program.exports, createRequire(href), program, href);
for (const argv of COMMANDS) {
  const code = await program.exports.run(argv, io);
  if (code !== 0) throw new Error(`exhibit ${argv.join(' ')} ended with ${code} at the build`);
}
const cache = path.join(root, `dist/program-${process.version}-${process.arch}.cache`);
writeFileSync(cache, script.createCachedData());
