/** Looks at a node without changing it. Tests pass their own. */
import { execFile } from 'node:child_process';
import { open, readdir, stat } from 'node:fs/promises';

export interface NodeProbe {
  /** The program's two outputs as one text and its exit code; undefined where it cannot be started or hangs. */
  run(program: string, argv: readonly string[]): Promise<ProgramAnswer | undefined>;
  /** The file's text; undefined where it cannot be read. */
  read(file: string): Promise<string | undefined>;
  /** Names in a folder; none where it cannot be read. */
  list(folder: string): Promise<readonly string[]>;
  /** Do both paths lead to one file or folder? False where either cannot be looked at. */
  isSame(path: string, other: string): Promise<boolean>;
}

export interface ProgramAnswer {
  readonly text: string;
  readonly code: number;
}

/** `criu check` takes some 0.1 s; what takes longer than this (milliseconds) hangs. */
const PROGRAM_TIMEOUT = 20_000;
/** Configuration files and environments are some KiB; the kernel allows environments of a few MiB. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The machine that this program runs on. */
export const thisNode: NodeProbe = {
  run: (program, argv) =>
    new Promise((resolve) => {
      const options = { timeout: PROGRAM_TIMEOUT, maxBuffer: MAX_BYTES };
      execFile(program, [...argv], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        resolve(typeof code === 'number' ? { text: stdout + stderr, code } : undefined);
      });
    }),
  read: (file) => readStart(file).catch(() => undefined),
  list: (folder) => readdir(folder).catch(() => []),
  isSame: async (path, other) => {
    const [one, two] = await Promise.all([path, other].map((name) => stat(name).catch(() => undefined)));
    return one !== undefined && two !== undefined && one.dev === two.dev && one.ino === two.ino;
  },
};

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
