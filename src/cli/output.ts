import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Io } from './io.ts';

/** Where a result goes: standard output, or the file that `--output` names. */
export interface Output {
  /** It is what a person is looking at. */
  readonly isTerminal: boolean;
  text(text: string): Promise<void>;
  /** The bytes must not change afterwards. */
  bytes(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** What was captured may hold secrets: only its owner may read what is written. */
const FILE_MODE = 0o600;

/**
 * Opens a new file, or standard output for undefined and `-`. Nothing is ever written over: the name could be that of the
 * evidence. Throws `FILE_EXISTS` or `WRITE_FAILED`.
 */
export async function openOutput(path: string | undefined, io: Io): Promise<Output> {
  if (path === undefined || path === '-') {
    return {
      isTerminal: true,
      text: (text) => io.out(text),
      bytes: (bytes) => io.outBytes(bytes),
      close: async () => undefined,
    };
  }
  const handle = await open(resolve(io.workingDirectory, path), 'wx', FILE_MODE).catch((cause: unknown) => {
    throw openError(path, cause);
  });
  return fileOutput(handle, path);
}

/** Writes one piece while the next one is made. A failure is told by the next call, or by `close`. */
function fileOutput(handle: FileHandle, path: string): Output {
  let pending: Promise<void> = Promise.resolve();
  const write = async (bytes: Uint8Array): Promise<void> => {
    await pending;
    pending = writeAll(handle, path, bytes);
    pending.catch(() => undefined);
  };
  return {
    isTerminal: false,
    text: (text) => write(new TextEncoder().encode(text)),
    bytes: write,
    close: async () => {
      try {
        await pending;
      } finally {
        await handle.close();
      }
    },
  };
}

async function writeAll(handle: FileHandle, path: string, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done).catch((cause: unknown) => {
      throw new ExhibitError('WRITE_FAILED', `cannot write ${path}: ${reason(cause)}`, {
        source: path,
        cause,
      });
    });
    done += bytesWritten;
  }
}

function openError(path: string, cause: unknown): ExhibitError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
    return new ExhibitError('FILE_EXISTS', `${path} exists and is not written over; name another file`, {
      source: path,
      cause,
    });
  }
  return new ExhibitError('WRITE_FAILED', `cannot create ${path}: ${reason(cause)}`, { source: path, cause });
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
