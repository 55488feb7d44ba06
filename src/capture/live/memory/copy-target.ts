import { write } from 'node:fs';
import { promisify } from 'node:util';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import type { PlannedPages } from './memory-plan.ts';

/** The file that pages are copied to. */
export interface CopyTarget {
  /** Open for writing. */
  readonly descriptor: number;
  /** For messages. */
  readonly name: string;
  /** Where the content of a pages image begins in the file, in bytes. */
  readonly offsetOf: (pages: PlannedPages) => number;
}

const writeAt = promisify(write);

/** Writes the first `length` bytes of `piece` at `position`. Throws `WRITE_FAILED`. */
export async function writeAll(
  { descriptor, name }: Pick<CopyTarget, 'descriptor' | 'name'>,
  piece: Uint8Array,
  length: number,
  position: number,
): Promise<void> {
  try {
    for (let done = 0; done < length; ) {
      const { bytesWritten } = await writeAt(descriptor, piece, done, length - done, position + done);
      done += bytesWritten;
    }
  } catch (cause) {
    throw writeFailed(name, cause);
  }
}

/** `WRITE_FAILED` for what the system said of a write to the file. */
export function writeFailed(name: string, cause: unknown): ExhibitError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC') return diskFull(name, cause);
  return cannotTake(name, cause instanceof Error ? cause.message : String(cause), cause);
}

export const diskFull = (name: string, cause?: unknown): ExhibitError =>
  cannotTake(name, 'its disk is full: make room, or choose another folder', cause);

function cannotTake(name: string, why: string, cause: unknown): ExhibitError {
  const message = `${name} cannot take the container's memory: ${why}`;
  return new ExhibitError('WRITE_FAILED', message, { source: name, cause });
}
