// Compiles kernels/bytes.ts into src/bytes/kernel-code.ts and takes libzstd for src/archive/zstd-code.ts out of its package, or
// with --check says whether that is what is there.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import asc from 'assemblyscript/asc';
import { root } from './prepare.mjs';

const SOURCE = 'kernels/bytes.ts';
const KERNELS = 'src/bytes/kernel-code.ts';
const ZSTD = 'src/archive/zstd-code.ts';
/** Its own driver is not used; decision 017 says why. */
const ZSTD_PACKAGE = 'node_modules/zstddec/dist/zstddec-stream.mjs';
const PAGES = '16';
const OPTIONS = ['--optimizeLevel', '3', '--runtime', 'stub', '--noAssert', '--enable', 'simd'];
const MEMORY = ['--initialMemory', PAGES, '--maximumMemory', PAGES];
const LINE = 100;

async function compile() {
  let code;
  const { error, stderr } = await asc.main([SOURCE, '--outFile', 'bytes.wasm', ...OPTIONS, ...MEMORY], {
    readFile: (name, base) => {
      try {
        return readFileSync(path.resolve(root, base, name), 'utf8');
      } catch {
        return null;
      }
    },
    writeFile: (_, contents) => {
      code = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${SOURCE} does not compile: ${error.message}\n${stderr}`);
  return code;
}

function toSource(comment, name, base64) {
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, 'g')).map((line) => `  '${line}'`);
  return `${comment}\nexport const ${name} =\n${lines.join(' +\n')};\n`;
}

async function kernels() {
  const comment = `/** ${SOURCE} as \`npm run kernels\` compiled it: a WebAssembly module in base64. */`;
  return toSource(comment, 'KERNEL_CODE', Buffer.from(await compile()).toString('base64'));
}

/** The module and zstd's licence, which the package carries as a comment of its own. */
function zstd() {
  const source = readFileSync(path.join(root, ZSTD_PACKAGE), 'utf8');
  const code = /^const wasm = "([A-Za-z0-9+/=]+)";$/m.exec(source)?.[1];
  const licence = /^\/\*\*\n\* BSD License\n[\s\S]*?\*\/$/m.exec(source)?.[0].replaceAll(/^\*/gm, ' *');
  if (code === undefined || licence === undefined) throw new Error(`${ZSTD_PACKAGE} is not as expected`);
  const comment = `${licence}\n/** libzstd's decoder as the package zstddec has it: a WebAssembly module in base64. */`;
  return toSource(comment, 'ZSTD_CODE', code);
}

for (const [target, source] of [
  [KERNELS, await kernels()],
  [ZSTD, zstd()],
]) {
  const file = path.join(root, target);
  if (!process.argv.includes('--check')) writeFileSync(file, source);
  else if (readFileSync(file, 'utf8') !== source) {
    console.error(`${target} is not what it is made of: npm run kernels`);
    process.exitCode = 1;
  }
}
