#!/usr/bin/env node
/**
 * What `exhibit` starts with once it is built: runs program.cjs, which scripts/build.mjs lays beside it as one function,
 * with the code that V8 made of it at build time. Itself it is built as CommonJS, which Node starts sooner than a module
 * (docs/decisions/019-code-cache.md). In the source tree, exhibit.ts is run.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

type Program = Pick<typeof import('./program.ts') & typeof import('./io.ts'), 'run' | 'processIo'>;
type ProgramFunction = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: object },
  url: string,
  summon: (specifier: string) => Promise<unknown>,
) => void;

const file = path.join(__dirname, 'program.cjs');

/** Made by another build of Node, it is not there by name, or V8 refuses it: then the program is compiled as always. */
function readCodeCache(): Buffer | undefined {
  try {
    return readFileSync(path.join(__dirname, `program-${process.version}-${process.arch}.cache`));
  } catch {
    return undefined;
  }
}

function loadProgram(): Program {
  // esbuild writes ASCII only, so this is quicker than UTF-8 and the same.
  const script = new Script(readFileSync(file, 'latin1'), { filename: file, cachedData: readCodeCache() });
  const program = { exports: {} };
  const evaluate = script.runInThisContext() as ProgramFunction;
  const { href } = pathToFileURL(file);
  evaluate(program.exports, require, program, href, (specifier) => import(specifier));
  return program.exports as Program;
}

const { run, processIo } = loadProgram();
run(process.argv.slice(2), processIo()).then((code) => {
  process.exitCode = code;
});
