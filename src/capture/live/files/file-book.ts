/** files.img as it grows: open file descriptions, numbered from 1 on in the order in which they are met, as CRIU does. */
import type { FileEntry } from '../../../criu/schemas/files.ts';

export class FileBook {
  readonly entries: FileEntry[] = [];
  readonly #known = new Map<string, FileEntry>();

  /** Adds a description, whose own message repeats the id. */
  add(make: (id: number) => Omit<FileEntry, 'id'>): FileEntry {
    const id = this.entries.length + 1;
    // The place is taken before a description is made that needs another one (a FIFO's path).
    this.entries.push({ type: 'UND', id });
    const entry = { id, ...make(id) };
    this.entries[id - 1] = entry;
    return entry;
  }

  /** The description that `key` stands for, if it was met. */
  find(key: string): FileEntry | undefined {
    return this.#known.get(key);
  }

  /** The description that `key` stands for, added when it is met first. */
  once(key: string, make: (id: number) => Omit<FileEntry, 'id'>): FileEntry {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const entry = this.add(make);
    this.#known.set(key, entry);
    return entry;
  }
}

/** Who is signalled when a file becomes ready, of which fcntl(F_GETOWN) tells its holders only. */
export const UNKNOWN_OWNER = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };
