/** Locks on files, from the `lock:` lines of fdinfo: `lock: 1: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE START END`. */
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { MessageOf } from '../../../criu/schema.ts';
import type { fileLockEntry } from '../../../criu/schemas/files.ts';
import { type LiveImage, listImageIfAny } from '../live-image.ts';
import { wholeNumber } from '../proc/descriptor-info.ts';

const LINE =
  /^lock:\s+\d+: (POSIX|FLOCK|OFDLCK|LEASE|DELEG)\s+\S+\s+(READ|WRITE|RW|NONE|UNLCK)\s+(-?\d+) ([0-9a-f]+:[0-9a-f]+:\d+) (\d+) (\d+|EOF)$/;

/** FL_* of include/linux/filelock.h, as CRIU uses them. */
const KINDS: Readonly<Record<string, number>> = { POSIX: 1, FLOCK: 2, LEASE: 32, OFDLCK: 1024, DELEG: 4 };
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** A process may lock a million ranges of a file; that many lines are megabytes. */
const MAX_LOCKS = 65_536;

/** filelocks.img as it grows. */
export class FileLocks {
  readonly #locks = new Map<string, MessageOf<typeof fileLockEntry>>();

  /** `pid` as the container counts. A lock of an open file shows at each of its descriptors and is kept once. */
  add(lines: readonly string[], pid: number, fd: number): void {
    for (const line of lines) {
      const match = LINE.exec(line);
      if (match === null || this.#locks.size >= MAX_LOCKS) continue;
      const [, kind = '', type = '', owner, file, first, last] = match;
      const key = [kind, type, owner, file, first, last].join(' ');
      if (this.#locks.has(key)) continue;
      const start = wholeNumber(first);
      this.#locks.set(key, {
        flag: KINDS[kind] ?? 0,
        type: type === 'READ' ? F_RDLCK : type === 'UNLCK' || type === 'NONE' ? F_UNLCK : F_WRLCK,
        pid,
        fd,
        start,
        len: last === 'EOF' ? 0n : wholeNumber(last) - start + 1n,
      });
    }
  }

  images(): readonly LiveImage[] {
    return listImageIfAny('filelocks.img', imageKinds.fileLocks, [...this.#locks.values()]);
  }
}
