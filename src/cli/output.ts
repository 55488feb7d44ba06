import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Io } from './io.ts';

/** Where a result goes: standard output, or the file that `--output` names. */
export interface Output {
  /** It is what a person is looking at. */
  readonly isTerminal: boolean;
  text(text: string): Promise<void>;
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
  const write = (data: string | Uint8Array): Promise<void> => writeAll(handle, path, data);
  return { isTerminal: false, text: write, bytes: write, close: () => handle.close() };
}

async function writeAll(handle: FileHandle, path: string, data: string | Uint8Array): Promise<void> {
  await handle.appendFile(data).catch((cause: unknown) => {
    throw new ExhibitError('WRITE_FAILED', `cannot write ${path}: ${reason(cause)}`, { source: path, cause });
  });
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
