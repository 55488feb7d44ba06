/** Reads a container's processes as they stand, quickly: see gathered.ts for what and why. */
import { hostname, machine, release } from 'node:os';
import { FileLook, type Mounts } from './file-look.ts';
import {
  type GatheredContainer,
  type GatheredDescriptor,
  type GatheredLink,
  type GatheredNetwork,
  type GatheredNode,
  type GatheredProcess,
  type GatheredThread,
  NAMESPACES,
  type NamespaceName,
  NETWORK_FILES,
  PROCESS_FILES,
  THREAD_FILES,
} from './gathered.ts';
import { readBytes, readFiles, readLink, readNumbers, readText } from './proc-reader.ts';

/** The kernel's default pid_max on a large machine is 4,194,304; a container of more processes than this is told. */
const MAX_PROCESSES = 32_768;
/** Of all processes together: a process may hold a million, each costs some 30 µs while the container stands. */
const MAX_DESCRIPTORS = 262_144;
const MAX_THREADS = 65_536;

/** `_SC_CLK_TCK` on x86-64 and aarch64: USER_HZ of the kernel's include/asm-generic/param.h. */
const TICKS_PER_SECOND = 100;
const AT_PAGESZ = 6n;

/**
 * Reads all of `pids` (as the node counts, the container's first process first). A process that ends meanwhile is a gap.
 * `proc` is the node's /proc.
 */
export function gatherContainer(pids: readonly number[], proc = '/proc'): GatheredContainer {
  const book: Book = { gaps: [], descriptors: MAX_DESCRIPTORS, threads: MAX_THREADS, look: new FileLook() };
  if (pids.length > MAX_PROCESSES) book.gaps.push(`of ${pids.length} processes, ${MAX_PROCESSES} were read`);
  const processes = pids.slice(0, MAX_PROCESSES).flatMap((pid) => gatherProcess(pid, book, proc) ?? []);
  return {
    node: gatherNode(processes, proc),
    processes,
    networks: gatherNetworks(processes, proc),
    gaps: book.gaps,
  };
}

/** What may still be read, and what was not. */
interface Book {
  readonly gaps: string[];
  descriptors: number;
  threads: number;
  readonly look: FileLook;
}

function gatherProcess(pid: number, book: Book, proc: string): GatheredProcess | undefined {
  const folder = `${proc}/${pid}`;
  const files = readFiles(folder, PROCESS_FILES);
  if (files.stat === undefined) {
    book.gaps.push(`process ${pid} has ended before it was read`);
    return undefined;
  }
  const namespaces = gatherNamespaces(folder);
  const mounts = book.look.mountsOf(namespaces.mnt, files.mountinfo);
  const linkOf = (name: string) => readLink(`${folder}/${name}`, () => book.look.ofOther(mounts));
  return {
    pid,
    files,
    commandLine: readBytes(`${folder}/cmdline`) ?? new Uint8Array(),
    environment: readBytes(`${folder}/environ`) ?? new Uint8Array(),
    auxv: readBytes(`${folder}/auxv`) ?? new Uint8Array(),
    executable: linkOf('exe'),
    workingDirectory: linkOf('cwd'),
    root: linkOf('root'),
    namespaces,
    descriptors: gatherDescriptors(pid, folder, mounts, book),
    threads: gatherThreads(pid, folder, book),
  };
}

function gatherNamespaces(folder: string): GatheredProcess['namespaces'] {
  const found: Partial<Record<NamespaceName, bigint>> = {};
  for (const name of NAMESPACES) {
    const number = /\[(\d+)\]$/.exec(readLink(`${folder}/ns/${name}`)?.link ?? '')?.[1];
    if (number !== undefined) found[name] = BigInt(number);
  }
  return found;
}

function gatherDescriptors(
  pid: number,
  folder: string,
  mounts: Mounts,
  book: Book,
): readonly GatheredDescriptor[] {
  const numbers = readNumbers(`${folder}/fd`);
  if (numbers === undefined) book.gaps.push(`the descriptors of process ${pid} cannot be read`);
  const read = (numbers ?? []).slice(0, book.descriptors);
  if (numbers !== undefined && read.length < numbers.length)
    book.gaps.push(`process ${pid} has ${numbers.length} descriptors: ${read.length} were read`);
  book.descriptors -= read.length;
  return read.flatMap((fd) => {
    const info = readText(`${folder}/fdinfo/${fd}`) ?? '';
    const found: GatheredLink | undefined = readLink(`${folder}/fd/${fd}`, (link) =>
      book.look.ofDescriptor(mounts, link, info),
    );
    return found === undefined ? [] : [{ ...found, fd, info }];
  });
}

function gatherThreads(pid: number, folder: string, book: Book): readonly GatheredThread[] {
  const numbers = readNumbers(`${folder}/task`) ?? [];
  const read = numbers.slice(0, book.threads);
  if (read.length < numbers.length)
    book.gaps.push(`process ${pid} has ${numbers.length} threads: ${read.length} were read`);
  book.threads -= read.length;
  const threads = read.map((tid) => ({ tid, files: readFiles(`${folder}/task/${tid}`, THREAD_FILES) }));
  return threads.sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid) || a.tid - b.tid);
}

function gatherNetworks(processes: readonly GatheredProcess[], proc: string): readonly GatheredNetwork[] {
  const first = new Map<bigint, number>();
  for (const { pid, namespaces } of processes) {
    if (namespaces.net !== undefined && !first.has(namespaces.net)) first.set(namespaces.net, pid);
  }
  return [...first].map(([namespace, pid]) => ({
    namespace,
    files: readFiles(`${proc}/${pid}/net`, NETWORK_FILES),
  }));
}

function gatherNode(processes: readonly GatheredProcess[], proc: string): GatheredNode {
  return {
    hostname: hostname(),
    kernel: release(),
    machine: machine(),
    bootTime: Number(/^btime (\d+)$/m.exec(readText(`${proc}/stat`) ?? '')?.[1] ?? 0),
    bootId: (readText(`${proc}/sys/kernel/random/boot_id`) ?? '').trim(),
    ticksPerSecond: TICKS_PER_SECOND,
    pageSize: pageSizeOf(processes),
    locks: readText(`${proc}/locks`) ?? '',
  };
}

/** Bytes, from auxiliary vectors: pairs of 64-bit words, AT_* and value. */
export function pageSizeOf(processes: readonly Pick<GatheredProcess, 'auxv'>[]): number {
  for (const { auxv } of processes) {
    const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.length);
    for (let at = 0; at + 16 <= auxv.length; at += 16) {
      if (view.getBigUint64(at, true) === AT_PAGESZ) return Number(view.getBigUint64(at + 8, true));
    }
  }
  return 4096;
}
