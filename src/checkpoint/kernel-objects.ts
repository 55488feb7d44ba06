/** What the kernel kept for the container beside processes, memory and files. Each part is read when first asked for. */
import { type ControlGroups, readControlGroups } from './control-groups.ts';
import type { ImageSet } from './image-set.ts';
import { type IpcNamespace, readIpc } from './ipc.ts';
import { type NetworkNamespace, readNetworks } from './networks.ts';
import { once } from './once.ts';
import { readSeccompFilters, type SeccompFilter } from './seccomp-programs.ts';

export interface KernelObjects {
  controlGroups(): Promise<ControlGroups>;
  ipc(): Promise<readonly IpcNamespace[]>;
  networks(): Promise<readonly NetworkNamespace[]>;
  seccompFilters(): Promise<readonly SeccompFilter[]>;
}

export function kernelObjects(images: ImageSet): KernelObjects {
  return {
    controlGroups: once(() => readControlGroups(images)),
    ipc: once(() => readIpc(images)),
    networks: once(() => readNetworks(images)),
    seccompFilters: once(() => readSeccompFilters(images)),
  };
}
