import { closeSync, copyFileSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openArchive } from '../src/archive/open-archive.ts';
import { openFileSource } from '../src/bytes/file-source.ts';

/*
 * Memory as it packs in earnest. What the recorded process holds is pseudo-random; here the programs and libraries of the
 * testbed's root filesystem lie in its pages, one behind the other: code, tables and texts, which gzip and zstd make two to
 * three times smaller, as they do with most processes' memory.
 */

const PIECE = 1024 * 1024;
const MARKER = 'EXHIBIT-MARKER-';
const MARKER_LENGTH = MARKER.length + 8;
const ELF_MAGIC = Buffer.from('\x7fELF', 'latin1');

/** Copies the archive at `plain` to `target` with the files of `root` in its pages. The markers stay. */
export async function writeProgramMemory(plain: string, target: string, root: string): Promise<void> {
  copyFileSync(plain, target);
  const file = openSync(target, 'r+');
  try {
    for (const { offset, size } of await pagesOf(plain)) fill(file, offset, size, new Programs(root));
  } finally {
    closeSync(file);
  }
}

async function pagesOf(path: string): Promise<readonly { offset: number; size: number }[]> {
  const source = await openFileSource(path);
  const archive = await openArchive(source);
  try {
    return archive.entries.filter((entry) => /\/pages-\d+\.img$/.test(entry.path));
  } finally {
    await archive.close();
    await source.close();
  }
}

function fill(file: number, offset: number, size: number, programs: Programs): void {
  const before = Buffer.alloc(PIECE);
  for (let at = 0; at < size; at += PIECE) {
    const length = Math.min(PIECE, size - at);
    readSync(file, before, 0, length, offset + at);
    const bytes = programs.next(length);
    for (let found = before.indexOf(MARKER); found >= 0; found = before.indexOf(MARKER, found + 1)) {
      before.copy(bytes, found, found, found + MARKER_LENGTH);
    }
    writeSync(file, bytes, 0, length, offset + at);
  }
}

/** The bytes of all ELF files below a folder, again and again. */
class Programs {
  readonly #paths: readonly string[];
  #next = 0;
  #file: number | undefined;

  constructor(root: string) {
    this.#paths = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter(isElf)
      .sort();
    if (this.#paths.length === 0) throw new Error(`there is no program below ${root}`);
  }

  next(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      this.#file ??= openSync(this.#paths[this.#next++ % this.#paths.length] ?? '', 'r');
      const count = readSync(this.#file, bytes, done, length - done, null);
      done += count;
      if (count > 0) continue;
      closeSync(this.#file);
      this.#file = undefined;
    }
    return bytes;
  }
}

function isElf(path: string): boolean {
  const head = Buffer.alloc(ELF_MAGIC.length);
  const file = openSync(path, 'r');
  try {
    return readSync(file, head, 0, head.length, 0) === head.length && head.equals(ELF_MAGIC);
  } finally {
    closeSync(file);
  }
}
