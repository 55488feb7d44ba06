/**
 * Folders of a container that runs: at any moment a folder may become a link to somewhere else on the node. So each is
 * held open, and what is in it is reached through /proc/self/fd (proc_pid_fd(5)), which leads to the held folder whatever its
 * path leads to now. No link is ever followed.
 */

import type { BigIntStats } from 'node:fs';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  read,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import { promisify } from 'node:util';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

const readPiece = promisify(read);
const PIECE_BYTES = 256 * 1024;

export class OpenFolder {
  readonly #descriptor: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** A folder that we name ourselves, links in its path followed; /proc/PID/root is one. Throws what the system says. */
  static open(path: string): OpenFolder {
    return new OpenFolder(openSync(path, O_RDONLY | O_DIRECTORY));
  }

  /** A folder below `path` of this one, each part looked up without following links; undefined where it is none. */
  descend(path: string): OpenFolder | undefined {
    let folder: OpenFolder | undefined;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next = name === '..' ? undefined : (folder ?? this).folder(name);
      folder?.close();
      if (next === undefined) return undefined;
      folder = next;
    }
    return folder ?? OpenFolder.open(this.pathOf('.'));
  }

  /** The folder of this name in this one, or undefined. */
  folder(name: string): OpenFolder | undefined {
    try {
      return new OpenFolder(openSync(this.pathOf(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    } catch {
      return undefined;
    }
  }

  /** A regular file of this name, open for reading, or undefined. The caller closes it. */
  file(name: string): number | undefined {
    let descriptor: number | undefined;
    try {
      // A FIFO that came in its place would make the opening wait.
      descriptor = openSync(this.pathOf(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      if (fstatSync(descriptor).isFile()) return descriptor;
    } catch {
      return undefined;
    }
    closeSync(descriptor);
    return undefined;
  }

  /** In the order of their bytes; empty where it cannot be read. */
  names(): readonly string[] {
    try {
      return readdirSync(this.pathOf('.')).sort();
    } catch {
      return [];
    }
  }

  stat(name: string): BigIntStats | undefined {
    return lstatSync(this.pathOf(name), { bigint: true, throwIfNoEntry: false });
  }

  ownStat(): BigIntStats {
    return fstatSync(this.#descriptor, { bigint: true });
  }

  /** Where a symbolic link leads, or undefined. */
  link(name: string): string | undefined {
    try {
      return readlinkSync(this.pathOf(name));
    } catch {
      return undefined;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** A path that leads to the entry `name` of this very folder, `.` to itself, as long as it is open. */
  pathOf(name: string): string {
    return `/proc/self/fd/${this.#descriptor}/${name}`;
  }
}

/** The bytes of an open file, at most `limit` of them; closes it. An unreadable part ends them. */
export async function* fileChunks(descriptor: number, limit: number): AsyncGenerator<Uint8Array> {
  try {
    for (let at = 0; at < limit; ) {
      const wanted = Math.min(PIECE_BYTES, limit - at);
      const count = await readPiece(descriptor, Buffer.allocUnsafe(wanted), 0, wanted, at).catch(
        () => undefined,
      );
      if (count === undefined || count.bytesRead === 0) return;
      yield count.buffer.subarray(0, count.bytesRead);
      at += count.bytesRead;
    }
  } finally {
    closeSync(descriptor);
  }
}
