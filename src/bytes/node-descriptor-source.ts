import { fstatSync, readSync } from 'node:fs';
import { type ByteSource, checkRange } from './byte-source.ts';
import { ExhibitError } from './exhibit-error.ts';
import { describeCause } from './file-source.ts';

/**
 * A file that another thread of the program has opened, and keeps open. It is read at once and not asynchronously: a
 * thread that has nothing else to do gains nothing from waiting. Throws `FILE_UNREADABLE`.
 */
export function descriptorSource(descriptor: number): ByteSource {
  const size = sizeOf(descriptor);
  const fill = (target: Uint8Array, offset: number): number => {
    checkRange(offset, target.length);
    let done = 0;
    while (done < target.length) {
      const count = readAt(descriptor, target, done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  };
  return {
    size,
    read: async (offset, length) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      return bytes.subarray(0, fill(bytes, offset));
    },
    readInto: async (target, offset) => fill(target.subarray(0, Math.max(0, size - offset)), offset),
  };
}

function sizeOf(descriptor: number): number {
  try {
    return fstatSync(descriptor).size;
  } catch (cause) {
    throw new ExhibitError('FILE_UNREADABLE', `cannot read the archive: ${describeCause(cause)}`, { cause });
  }
}

function readAt(descriptor: number, target: Uint8Array, start: number, offset: number): number {
  try {
    return readSync(descriptor, target, start, target.length - start, offset);
  } catch (cause) {
    const message = `cannot read the archive at offset ${offset}: ${describeCause(cause)}`;
    throw new ExhibitError('FILE_UNREADABLE', message, { offset, cause });
  }
}
