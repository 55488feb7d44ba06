/** The initial root filesystem of an emulated machine, which is all that it has: Exhibit's image, busybox, programs to capture. */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { imageLayers } from '../../scripts/image/contents.ts';
import type { Architecture } from '../../scripts/image/oci-layout.ts';
import { installProgram } from '../debian.ts';
import { output } from '../process.ts';
import { EMULATIONS } from './architecture.ts';

const HERE = import.meta.dirname;
const SOURCES = path.join(HERE, '../workloads/programs');
const PROGRAMS = ['crowd', 'kinds', 'stacks'];

export interface GuestImageOptions {
  readonly architecture: Architecture;
  /** A guest's system, and what of its modules the machine loads. */
  readonly system: string;
  readonly modules: readonly string[];
  /** A folder to work in. */
  readonly scratch: string;
}

/** The path of an archive that the kernel unpacks. */
export async function guestImage(options: GuestImageOptions): Promise<string> {
  const { architecture, system, modules, scratch } = options;
  const root = path.join(scratch, 'root');
  mkdirSync(path.join(root, 'machine'), { recursive: true });
  writeLayers(architecture, system, mkdtempSync(path.join(scratch, 'layers-')), root);
  for (const name of ['bin/busybox', ...modules]) cpSync(path.join(system, name), path.join(root, name));
  cpSync(path.join(HERE, 'guest/init.sh'), path.join(root, 'init'));
  chmodSync(path.join(root, 'init'), 0o755);
  await build({
    entryPoints: [path.join(HERE, 'guest/scenario.ts')],
    outfile: path.join(root, 'machine/scenario.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
  });
  await compilePrograms(architecture, path.join(root, 'bin'));
  const image = path.join(scratch, 'initramfs');
  await installProgram('cpio');
  const pack = `cd "$0" && find . -print0 | cpio --null --create --quiet --format=newc --owner=0:0 >"$1"`;
  await output(['sh', '-euc', pack, root, image]);
  rmSync(root, { recursive: true });
  return image;
}

function writeLayers(architecture: Architecture, libraries: string, scratch: string, root: string): void {
  for (const { path: name, data, isProgram } of imageLayers({ architecture, libraries, scratch }).flat()) {
    const target = path.join(root, name);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, data, { mode: isProgram ? 0o755 : 0o644 });
  }
}

/** With the flags that a program says it is for debuggers with. */
async function compilePrograms(architecture: Architecture, target: string): Promise<void> {
  const { compiler, compilerPackages } = EMULATIONS[architecture];
  await installProgram(compiler, compilerPackages);
  for (const program of PROGRAMS) {
    const source = path.join(SOURCES, `${program}.c`);
    const flags = ['-O0', '-g', '-static', '-Wall', '-Werror', '-pthread'];
    await output([compiler, ...flags, '-o', path.join(target, program), source]);
  }
}
