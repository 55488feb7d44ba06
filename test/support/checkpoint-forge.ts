/** Checkpoint archives out of single images, honest or damaged, for tests of the model. */
import { openArchive } from '../../src/archive/open-archive.ts';
import { bufferSource } from '../../src/bytes/byte-source.ts';
import type { Checkpoint } from '../../src/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../src/checkpoint/open-checkpoint.ts';
import { imageKinds } from '../../src/criu/image-kinds.ts';
import { type ForgedEntry, forgeImage } from './criu-forge.ts';
import { type ForgedMember, forgeTar } from './tar-forge.ts';

export type Images = Readonly<Record<string, Uint8Array>>;

export interface ForgedCheckpoint {
  /** By name below checkpoint/. */
  readonly images?: Images;
  /** Other entries, by path; objects are written as JSON. */
  readonly entries?: Readonly<Record<string, Uint8Array | string | object>>;
  /** Entries of other types than files. */
  readonly members?: readonly ForgedMember[];
}

const fileOf = ([name, data]: readonly [string, Uint8Array | string | object]): ForgedMember => ({
  name,
  data: typeof data === 'string' || data instanceof Uint8Array ? data : JSON.stringify(data),
});

export function forgeCheckpointTar({ images = {}, entries = {}, members = [] }: ForgedCheckpoint): Buffer {
  const below = Object.entries(images).map(([name, data]) => fileOf([`checkpoint/${name}`, data]));
  return forgeTar([...below, ...Object.entries(entries).map(fileOf), ...members]);
}

/** Opens a forged archive; config.dump and spec.dump are there unless the forger says otherwise. */
export async function openForged(forged: ForgedCheckpoint): Promise<Checkpoint> {
  const entries = { 'config.dump': {}, 'spec.dump': {}, ...forged.entries };
  const tar = forgeCheckpointTar({ ...forged, entries });
  return openCheckpoint('forged.tar', await openArchive(bufferSource(tar)));
}

export const messagesOf = (checkpoint: Checkpoint): readonly string[] =>
  checkpoint.notes().map(({ message }) => message);

const fown = { pid: 0, uid: 0, euid: 0, signum: 0, pid_type: 0 };

/** A regular file of files.img. */
export const forgedFile = (id: number, name: string): ForgedEntry => ({
  message: { type: 'REG', id, reg: { id, flags: 0, pos: 0n, fown, name } },
});

export interface ForgedVma {
  readonly start: bigint;
  readonly end: bigint;
  readonly pgoff?: bigint;
  readonly shmid?: bigint;
  readonly prot?: number;
  readonly flags?: number;
  readonly status?: number;
}

export interface ForgedMemory {
  readonly vmas: readonly ForgedVma[];
  readonly auxv?: readonly bigint[];
  readonly arguments?: readonly [bigint, bigint];
  readonly environment?: readonly [bigint, bigint];
}

/** mm-PID.img with private anonymous mappings unless a VMA says otherwise. */
export function forgeMm({ vmas, auxv = [], ...ranges }: ForgedMemory): Uint8Array {
  const [argStart, argEnd] = ranges.arguments ?? [0n, 0n];
  const [envStart, envEnd] = ranges.environment ?? [0n, 0n];
  const message = {
    mm_start_code: 0n,
    mm_end_code: 0n,
    mm_start_data: 0n,
    mm_end_data: 0n,
    mm_start_stack: 0n,
    mm_start_brk: 1n,
    mm_brk: 0n,
    mm_arg_start: argStart,
    mm_arg_end: argEnd,
    mm_env_start: envStart,
    mm_env_end: envEnd,
    exe_file_id: 0,
    mm_saved_auxv: auxv,
    vmas: vmas.map((vma) => ({
      pgoff: 0n,
      shmid: 0n,
      prot: 3,
      flags: 0x22,
      status: 0x201,
      fd: -1n,
      ...vma,
    })),
    aios: [],
  };
  return forgeImage(imageKinds.mm, [{ message }]);
}

/** One run of a pagemap: first address, pages, PE_* flags (4 present, 2 lazy, 1 parent). */
export type ForgedRun = readonly [vaddr: bigint, pages: number, flags: number];

export function forgePagemap(runs: readonly ForgedRun[], pagesId = 1): Uint8Array {
  return forgeImage(imageKinds.pagemap, [
    { message: { pages_id: pagesId } },
    ...runs.map(([vaddr, pages, flags]) => ({
      message: { vaddr, compat_nr_pages: 0, flags, nr_pages: BigInt(pages) },
    })),
  ]);
}

export interface ForgedTask {
  readonly pid?: number;
  readonly ppid?: number;
  readonly threads?: readonly number[];
  readonly state?: number;
  readonly comm?: string;
  /** Further fields of core_entry. */
  readonly core?: object;
}

/** pstree.img and the core images of tasks' main threads. */
export function forgeTasks(tasks: readonly ForgedTask[]): Images {
  const images: Record<string, Uint8Array> = {
    'pstree.img': forgeImage(
      imageKinds.pstree,
      tasks.map(({ pid = 1, ppid = 0, threads = [pid] }) => ({
        message: { pid, ppid, pgid: pid, sid: 1, threads },
      })),
    ),
  };
  for (const { pid = 1, state = 1, comm = 'task', core = {} } of tasks) {
    const tc = {
      task_state: state,
      exit_code: 0,
      personality: 0,
      flags: 0,
      blk_sigset: 0n,
      comm,
      sigactions: [],
    };
    images[`core-${pid}.img`] = forgeImage(imageKinds.core, [{ message: { mtype: 'X86_64', tc, ...core } }]);
  }
  return images;
}
