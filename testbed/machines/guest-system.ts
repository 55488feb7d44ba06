/** What an emulated machine has of Debian: a kernel with its modules, the C library, busybox. Unpacked only, so of any architecture. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Architecture } from '../../scripts/image/oci-layout.ts';
import type { Part } from '../cache.ts';
import { installProgram } from '../debian.ts';
import { output } from '../process.ts';

/** Linux 6.1, which nodes still run; the other tests have a newer one. */
const RELEASE = 'bookworm';

/** A root filesystem that nothing was run in. */
export function guestSystem(architecture: Architecture): Part {
  const packages = ['busybox-static', 'libc6', 'libstdc++6', `linux-image-cloud-${architecture}`];
  const options = [
    '--quiet',
    '--variant=extract',
    '--mode=root',
    `--architectures=${architecture}`,
    `--include=${packages.join(',')}`,
    '--aptopt=APT::Install-Recommends "false"',
  ];
  return {
    name: `machine-${architecture}`,
    ingredients: [...options, RELEASE],
    async build(target) {
      await installProgram('mmdebstrap');
      await output(['mmdebstrap', ...options, RELEASE, target]);
    },
  };
}

/** Of a guest's system: its kernel, and the modules that a machine loads, as paths in it. */
export function kernelOf(system: string): { readonly image: string; readonly modules: readonly string[] } {
  const image = readdirSync(path.join(system, 'boot')).find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`no kernel in ${system}/boot`);
  const all = readdirSync(path.join(system, 'lib/modules'), { recursive: true, encoding: 'utf8' });
  return {
    image: path.join(system, 'boot', image),
    modules: all.filter((name) => WANTED_MODULES.test(name)).map((name) => path.join('lib/modules', name)),
  };
}

/** A disk to write to, what the kernel tells of sockets, and the lists without which no module is found. */
const WANTED_MODULES =
  /\/(virtio(_ring|_blk|_pci|_pci_\w+_dev)?\.ko|\w+_diag\.ko|modules\.(order|builtin.*))$/;
