/**
 * An archive on its way here: NAME.part, mode 0600, which becomes NAME when all of it is here and its hash is the node's.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, stat, statfs, utimes } from 'node:fs/promises';
import path from 'node:path';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { hashFile } from '../node-files.ts';
import { BLOCK_BYTES } from './node-folder.ts';

/** What was captured may hold secrets: only its owner may read it. */
const FILE_MODE = 0o600;

export class PartFile {
  readonly path: string;
  readonly final: string;
  readonly #handle: FileHandle;
  #length: number;

  private constructor(final: string, handle: FileHandle, length: number) {
    this.final = final;
    this.path = partPath(final);
    this.#handle = handle;
    this.#length = length;
  }

  /** Opens or makes it. Throws `WRITE_FAILED`. */
  static async open(final: string): Promise<PartFile> {
    const file = partPath(final);
    // A link that somebody put there could lead anywhere.
    const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
    const handle = await open(file, flags, FILE_MODE).catch((cause: unknown) => {
      throw writeFailed(file, cause);
    });
    try {
      const status = await handle.stat();
      if (!status.isFile()) throw new ExhibitError('WRITE_FAILED', `${file} is no ordinary file`);
      await handle.chmod(FILE_MODE);
      return new PartFile(final, handle, status.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes that are here. */
  get length(): number {
    return this.#length;
  }

  /** Whole blocks that are here. */
  get blocks(): number {
    return Math.floor(this.#length / BLOCK_BYTES);
  }

  /** Cuts it to so many blocks, from where it then goes on. */
  async keepBlocks(blocks: number): Promise<void> {
    await this.#handle.truncate(blocks * BLOCK_BYTES);
    this.#length = blocks * BLOCK_BYTES;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle
        .write(bytes, done, bytes.length - done, this.#length)
        .catch((cause: unknown) => {
          throw writeFailed(this.path, cause);
        });
      done += bytesWritten;
      this.#length += bytesWritten;
    }
  }

  /** SHA-256 of what is on the disk now, in hexadecimal. */
  hash(): Promise<string> {
    return hashFile(this.path);
  }

  /** Makes sure that all is on the disk. */
  async sync(): Promise<void> {
    await this.#handle.sync().catch((cause: unknown) => {
      throw writeFailed(this.path, cause);
    });
  }

  /** Gives it its final name, and the time at which the node wrote it. */
  async finish(modified: string): Promise<void> {
    const time = new Date(modified);
    await utimes(this.path, time, time);
    await rename(this.path, this.final).catch((cause: unknown) => {
      throw writeFailed(this.final, cause);
    });
    await syncFolder(path.dirname(this.final));
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Bytes of it that an earlier run left, cut to whole blocks; without opening it. */
export async function keptBytes(final: string): Promise<number> {
  const status = await stat(partPath(final)).catch(() => undefined);
  return Math.floor((status?.size ?? 0) / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Refuses to begin what cannot fit. Throws `WRITE_FAILED`. */
export async function checkSpace(folder: string, needed: number): Promise<void> {
  const space = await statfs(folder).catch((cause: unknown) => {
    throw writeFailed(folder, cause);
  });
  const free = space.bavail * space.bsize;
  if (free >= needed) return;
  const message = `${folder} has room for ${free} bytes and the archive needs ${needed} more`;
  throw new ExhibitError('WRITE_FAILED', message, { help: ['make room, or name another folder: -o DIR'] });
}

/** Where an archive is while it is on its way. */
export const partPath = (final: string): string => `${final}.part`;

/** The new name has to outlast a power cut too; Windows opens no folders, and needs no such thing. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function writeFailed(file: string, cause: unknown): ExhibitError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: 'the disk is full; make room, or name another folder with -o DIR, and run the same again',
    EDQUOT: 'your quota is used up; make room and run the same again',
    EFBIG: 'its file system or a limit of this shell takes no file that large',
    ENOENT: 'there is no such folder',
    ELOOP: 'it is a symbolic link, which is not followed',
    EACCES: 'you may not write there',
    EROFS: 'it is on a file system that is read-only',
  };
  return new ExhibitError('WRITE_FAILED', `cannot write ${file}: ${reasons[code ?? ''] ?? message}`, {
    cause,
  });
}
