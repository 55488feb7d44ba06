/** A process as a look gathers it, and one as files of /proc: mappings at small addresses, their pagemap, their memory. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { GatheredProcess } from '../look/gathered.ts';
import type { PlannedProcess } from '../memory/shared-objects.ts';
import type { Mapping } from '../proc/mappings.ts';

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

export const PAGE = 4096;

export const PRESENT = 1n << 63n;
export const SWAPPED = 1n << 62n;
export const OF_FILE = 1n << 61n;
export const GUARD = 1n << 58n;

/** Private anonymous memory unless told otherwise; `first` and `pages` in pages. */
export function fakeMapping(first: number, pages: number, fields: Partial<Mapping> = {}): Mapping {
  return {
    start: BigInt(first * PAGE),
    end: BigInt((first + pages) * PAGE),
    readable: true,
    writable: true,
    executable: false,
    shared: false,
    offset: 0n,
    major: 0,
    minor: 0,
    inode: 0n,
    path: '',
    flags: new Set(['rd', 'wr']),
    ...fields,
  };
}

/** What the files of /proc tell of a process's memory. */
export interface FakeProcess {
  readonly pid: number;
  readonly mappings: readonly Mapping[];
  /** From page 0 on; as bytes where they are to be malformed. */
  readonly pagemap: readonly bigint[] | Uint8Array;
  readonly memory: Uint8Array;
}

/** Writes it below `proc`, a folder that stands for /proc. */
export function writeFakeProcess(proc: string, fake: FakeProcess): PlannedProcess {
  const folder = path.join(proc, String(fake.pid));
  mkdirSync(path.join(folder, 'map_files'), { recursive: true });
  const { pagemap } = fake;
  const bytes = pagemap instanceof Uint8Array ? pagemap : Buffer.from(BigUint64Array.from(pagemap).buffer);
  writeFileSync(path.join(folder, 'pagemap'), bytes);
  writeFileSync(path.join(folder, 'mem'), fake.memory);
  return { pid: fake.pid, containerPid: 1, mappings: fake.mappings, descriptors: [], mountinfo: '' };
}
