import type { GatheredProcess } from '../look/gathered.ts';

/** A process of which only so much was read. */
export function fakeProcess(known: Partial<GatheredProcess>): GatheredProcess {
  return {
    pid: 1,
    files: {},
    commandLine: new Uint8Array(),
    environment: new Uint8Array(),
    auxv: new Uint8Array(),
    executable: undefined,
    workingDirectory: undefined,
    root: undefined,
    namespaces: {},
    descriptors: [],
    threads: [],
    ...known,
  };
}
