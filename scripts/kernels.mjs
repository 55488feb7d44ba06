// Compiles kernels/bytes.ts into src/bytes/kernel-code.ts, or with --check says whether that is what is there.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import asc from 'assemblyscript/asc';
import { root } from './prepare.mjs';

const SOURCE = 'kernels/bytes.ts';
const TARGET = path.join(root, 'src/bytes/kernel-code.ts');
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

function toSource(code) {
  const base64 = Buffer.from(code).toString('base64');
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, 'g')).map((line) => `  '${line}'`);
  return `/** ${SOURCE} as \`npm run kernels\` compiled it: a WebAssembly module in base64. */\nexport const KERNEL_CODE =\n${lines.join(' +\n')};\n`;
}

const source = toSource(await compile());
if (!process.argv.includes('--check')) writeFileSync(TARGET, source);
else if (readFileSync(TARGET, 'utf8') !== source) {
  console.error(`${path.relative(root, TARGET)} is not what ${SOURCE} compiles to: npm run kernels`);
  process.exitCode = 1;
}
