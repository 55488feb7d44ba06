/**
 * The processes of a container as /proc on its node shows them: names, memory, descriptors. Source of the files:
 * proc(5), kernel Documentation/filesystems/proc.rst.
 */
import path from 'node:path';
import { mapBounded, readNames, readStart, readTarget } from './bounded-read.ts';

export interface Descriptor {
  readonly pid: number;
  readonly fd: number;
  /** What /proc/PID/fd says: `/tmp/x (deleted)`, `socket:[12]`, `anon_inode:inotify`. */
  readonly link: string;
  /** The lines of /proc/PID/fdinfo; of sockets and pipes, which hold no lock and no watch, they are not read. */
  readonly info: readonly string[];
}

export interface ProcessLook {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly command: readonly string[];
  /** The program's file; ends with ` (deleted)` once that is removed. */
  readonly executable: string | undefined;
  /** The network namespace, as `net:[NUMBER]`. */
  readonly network: string | undefined;
  /** Memory that only a dump keeps, in bytes: anonymous pages and swap. Undefined where the kernel does not say. */
  readonly privateBytes: number;
  readonly sharedBytes: number;
  readonly descriptors: readonly Descriptor[];
}

export interface ContainerProcesses {
  readonly processes: readonly ProcessLook[];
  /** What was not looked at, and why. */
  readonly gaps: readonly string[];
}

/** The kernel's default for pid_max on a large machine is 4194304; a container of more processes than this is told. */
const MAX_PROCESSES = 4096;
/** Of all processes together; a process may hold a million, and looking at this many takes some seconds. */
const MAX_DESCRIPTORS = 65_536;
/** A cgroup file has a line per hierarchy, fdinfo one per watch or lock, status some sixty. */
const MAX_SMALL_FILE_BYTES = 256 * 1024;

/** All processes whose cgroup is the container's, or one below it. `id` is the runtime's id of the container. */
export async function lookAtProcesses(id: string, root = '/'): Promise<ContainerProcesses> {
  const gaps: string[] = [];
  const found = await findProcesses(id, root);
  const pids = found.slice(0, MAX_PROCESSES);
  if (found.length > pids.length) gaps.push(`of ${found.length} processes, ${pids.length} were looked at`);
  const processes: ProcessLook[] = [];
  let room = MAX_DESCRIPTORS;
  for (const pid of pids) {
    const process = await lookAtProcess(pid, room, root);
    if (process === undefined) continue;
    processes.push(process.look);
    room -= process.look.descriptors.length;
    if (process.gap !== undefined) gaps.push(process.gap);
  }
  return { processes, gaps };
}

async function findProcesses(id: string, root: string): Promise<readonly number[]> {
  const names = (await readNames(path.join(root, 'proc'))) ?? [];
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const texts = await mapBounded(pids, (pid) =>
    readStart(path.join(root, 'proc', `${pid}`, 'cgroup'), MAX_SMALL_FILE_BYTES),
  );
  return pids.filter((_pid, index) => isMember(texts[index] ?? '', id)).sort((a, b) => a - b);
}

/**
 * Whether a process is one of container `id`, by its /proc/PID/cgroup: `ID:CONTROLLERS:PATH` a line. The monitor of CRI-O and
 * Podman lies in a cgroup of its own that has the id in its name.
 */
export function isMember(cgroups: string, id: string): boolean {
  return cgroups.split('\n').some((line) => {
    const folders = line.split('/').filter((folder) => folder.includes(id));
    return folders.length > 0 && !folders.some((folder) => folder.includes('conmon'));
  });
}

async function lookAtProcess(
  pid: number,
  room: number,
  root: string,
): Promise<{ readonly look: ProcessLook; readonly gap?: string } | undefined> {
  const folder = path.join(root, 'proc', `${pid}`);
  const status = await readStart(path.join(folder, 'status'), MAX_SMALL_FILE_BYTES);
  // It ended in the meantime.
  if (status === undefined) return undefined;
  const command = (await readStart(path.join(folder, 'cmdline'), MAX_SMALL_FILE_BYTES)) ?? '';
  const names = await readNames(path.join(folder, 'fd'));
  const look: ProcessLook = {
    pid,
    parent: Number(field(status, 'PPid') ?? 0),
    name: field(status, 'Name') ?? '',
    command: command.split('\0').slice(0, -1),
    executable: await readTarget(path.join(folder, 'exe')),
    network: await readTarget(path.join(folder, 'ns/net')),
    privateBytes: kibibytes(status, 'RssAnon') + kibibytes(status, 'VmSwap'),
    sharedBytes: kibibytes(status, 'RssShmem'),
    descriptors: await mapBounded((names ?? []).slice(0, room), (fd) => lookAtDescriptor(folder, pid, fd)),
  };
  if (names === undefined) return { look, gap: `descriptors of process ${pid} cannot be read: run as root` };
  if (names.length <= room) return { look };
  return { look, gap: `process ${pid} holds ${names.length} descriptors: ${room} were looked at` };
}

async function lookAtDescriptor(folder: string, pid: number, fd: string): Promise<Descriptor> {
  const link = (await readTarget(path.join(folder, 'fd', fd))) ?? '';
  // A busy proxy holds tens of thousands of connections.
  if (/^(?:socket|pipe):/.test(link)) return { pid, fd: Number(fd), link, info: [] };
  const info = await readStart(path.join(folder, 'fdinfo', fd), MAX_SMALL_FILE_BYTES);
  return { pid, fd: Number(fd), link, info: info?.split('\n') ?? [] };
}

function field(status: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
}

const kibibytes = (status: string, name: string): number =>
  Number.parseInt(field(status, name) ?? '0', 10) * 1024;

/** `process 7 (nginx)`, as evidence names it. */
export function describeProcess({ pid, name }: ProcessLook): string {
  return `process ${pid} (${name})`;
}
