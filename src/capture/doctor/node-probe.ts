/** Looks at a node without changing it. Tests pass their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, open, readdir, readlink, stat, statfs } from 'node:fs/promises';
import path from 'node:path';

export interface NodeProbe {
  /** What is withheld from this user, root sees. */
  readonly isRoot: boolean;
  /**
   * The program's two outputs as one text and its exit code; undefined where it cannot be started or hangs. `calledAs`:
   * the name that it is told to be called by.
   */
  run(program: string, argv: readonly string[], calledAs?: string): Promise<ProgramAnswer | undefined>;
  /** The file's text; undefined where it cannot be read. */
  read(file: string): Promise<string | undefined>;
  /** Names in a folder; none where it cannot be read. */
  list(folder: string): Promise<readonly string[]>;
  /** Do both paths lead to one file or folder? False where either cannot be looked at. */
  isSame(path: string, other: string): Promise<boolean>;
  /** Undefined where it is not there or no file. A link is not followed. */
  status(file: string): Promise<FileStatus | undefined>;
  /** Names, without their folders, of the files that processes hold open: of those that this user may look at. */
  openNames(): Promise<ReadonlySet<string>>;
  /** Of the disk that the folder is on; undefined where it is not there. */
  space(folder: string): Promise<DiskSpace | undefined>;
}

export interface ProgramAnswer {
  readonly text: string;
  readonly code: number;
}

export interface FileStatus {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** In bytes; `free` is what unprivileged programs may use. */
export interface DiskSpace {
  readonly free: number;
  readonly total: number;
}

/** `criu check` takes some 0.1 s; what takes longer than this (milliseconds) hangs. */
const PROGRAM_TIMEOUT = 20_000;
/** Configuration files and environments are some KiB; the kernel allows environments of a few MiB. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The machine that this program runs on. */
export const thisNode: NodeProbe = {
  isRoot: process.getuid?.() === 0,
  run: (program, argv, calledAs) => runProgram(program, argv, calledAs).catch(() => undefined),
  read: (file) => readStart(file).catch(() => undefined),
  list: (folder) => readdir(folder).catch(() => []),
  isSame: async (path, other) => {
    const [one, two] = await Promise.all([path, other].map((name) => stat(name).catch(() => undefined)));
    return one !== undefined && two !== undefined && one.dev === two.dev && one.ino === two.ino;
  },
  status: async (file) => {
    const found = await lstat(file).catch(() => undefined);
    return found?.isFile() ? { size: found.size, modified: found.mtimeMs } : undefined;
  },
  openNames,
  space: async (folder) => {
    const found = await statfs(folder).catch(() => undefined);
    return found && { free: found.bavail * found.bsize, total: found.blocks * found.bsize };
  },
};

/** A process in a container knows the file by another path, but by the same name. */
async function openNames(): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const folder = `/proc/${pid}/fd`;
    for (const descriptor of await readdir(folder).catch(() => [])) {
      const target = await readlink(path.join(folder, descriptor)).catch(() => undefined);
      if (target?.startsWith('/')) names.add(path.basename(target));
    }
  }
  return names;
}

/** Rejects where the program cannot be started, or hangs. */
async function runProgram(
  program: string,
  argv: readonly string[],
  calledAs = program,
): Promise<ProgramAnswer | undefined> {
  // execFile would do, but hands no name on.
  const child = spawn(program, argv, {
    argv0: calledAs,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its clock, unlike that of the option `timeout`, does not keep us alive where there is no such program.
    signal: AbortSignal.timeout(PROGRAM_TIMEOUT),
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close');
  const texts = [child.stdout, child.stderr].map(async (stream) => {
    let text = '';
    for await (const piece of stream.setEncoding('utf8')) {
      text += piece;
      if (text.length > MAX_BYTES) child.kill('SIGKILL');
    }
    return text;
  });
  const [[code], ...outputs] = await Promise.all([ended, ...texts]);
  return typeof code === 'number' ? { text: outputs.join(''), code } : undefined;
}

/** Files of /proc have no size, so they are read until they end or the limit is reached. */
async function readStart(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let length = 0; length < MAX_BYTES; ) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(65536), 0, 65536);
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      length += bytesRead;
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await handle.close();
  }
}
