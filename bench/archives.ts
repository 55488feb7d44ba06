import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { openArchive } from '../src/archive/open-archive.ts';
import { openFileSource } from '../src/bytes/file-source.ts';
import { cacheFolder } from '../testbed/cache.ts';
import { testbedRoot } from './peers.ts';
import { writeProgramMemory } from './program-memory.ts';

/** The archives of one size that the benchmark reads. */
export interface BenchArchives {
  readonly mebibytes: number;
  readonly plain: string;
  /** Undefined for the largest: unpacking is linear in the size, and another copy of each would fill a small disk. */
  readonly gzip: string | undefined;
  readonly zstd: string | undefined;
  /** Packed, of a process with programs in its memory (program-memory.ts); undefined for the largest and without the testbed. */
  readonly programs: { readonly gzip: string; readonly zstd: string | undefined } | undefined;
  /** What the peers that know nothing of archives read: the pages of all processes. */
  readonly pages: string;
}

const RECORD = 'npx tsx testbed/record.ts --big';

/** What `testbed/record.ts --big` recorded, smallest first. Throws where there is none. */
export function recordedSizes(): readonly number[] {
  const names = existsSync(cacheFolder()) ? readdirSync(cacheFolder()) : [];
  const sizes = names.map((name) => Number(/^hoard-(\d+)\.tar$/.exec(name)?.[1])).filter((size) => size > 0);
  if (sizes.length === 0) throw new Error(`no archive to measure on; record one as root: ${RECORD}`);
  return sizes.sort((a, b) => a - b);
}

/** Archives of more MiB have no packed copies. */
const MAX_PACKED_SIZE = 1024;

/** Makes, once, the forms of an archive that the peers can read. */
export async function prepareArchives(mebibytes: number): Promise<BenchArchives> {
  const recorded = join(cacheFolder(), `hoard-${mebibytes}.tar`);
  const plain = derive(join(cacheFolder(), `hoard-${mebibytes}-older.tar`), (target) =>
    writeOlder(recorded, target),
  );
  const isPacked = mebibytes <= MAX_PACKED_SIZE;
  const gzip = isPacked ? packGzip(plain, 1) : undefined;
  const zstd = isPacked ? packZstd(plain, 1) : undefined;
  const programs = isPacked ? await prepareProgramMemory(plain) : undefined;
  const pages = derive(plain.replace(/\.tar$/, '.pages'), (target) =>
    execFileSync('sh', ['-c', 'tar xOf "$0" --wildcards "*/pages-*.img" >"$1"', plain, target]),
  );
  return { mebibytes, plain, gzip, zstd, programs, pages };
}

const packGzip = (path: string, level: number): string =>
  derive(`${path}.gz`, (target) => execFileSync('sh', ['-c', `gzip -${level} <"$0" >"$1"`, path, target]));

const packZstd = (path: string, level: number): string | undefined =>
  hasProgram('zstd')
    ? derive(`${path}.zst`, (target) => execFileSync('zstd', ['-q', `-${level}`, '-f', path, '-o', target]))
    : undefined;

/** Packed as by default: gzip's level 6, and 3 of zstd, as podman does it. */
async function prepareProgramMemory(plain: string): Promise<BenchArchives['programs']> {
  const root = testbedRoot();
  if (root === undefined) return undefined;
  const path = plain.replace(/\.tar$/, '-programs.tar');
  if (!existsSync(path)) {
    const unfinished = `${path}.${process.pid}`;
    await writeProgramMemory(plain, unfinished, root);
    renameSync(unfinished, path);
  }
  return { gzip: packGzip(path, 6), zstd: packZstd(path, 3) };
}

/** How many archives the folder for `list` has. */
export const LISTED_ARCHIVES = 1_000;

/**
 * A folder of archives as a node collects them: copies of the recorded one in which the pages are a hole, so that each has
 * its whole length and takes little room.
 */
export async function prepareFolder(plain: string): Promise<string> {
  const folder = plain.replace(/\.tar$/, `-list-${LISTED_ARCHIVES}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished);
  const sparse = join(unfinished, 'checkpoint-0.tar');
  await copyWithoutPages(plain, sparse);
  for (let index = 1; index < LISTED_ARCHIVES; index++) {
    execFileSync('cp', ['--sparse=always', sparse, join(unfinished, `checkpoint-${index}.tar`)]);
  }
  renameSync(unfinished, folder);
  return folder;
}

async function copyWithoutPages(plain: string, target: string): Promise<void> {
  const source = await openFileSource(plain);
  const archive = await openArchive(source);
  const pages = archive.entries.filter(({ path }) => /\/pages-\d+\.img$/.test(path));
  const file = openSync(target, 'w');
  try {
    let at = 0;
    for (const { offset, size } of [...pages, { offset: source.size, size: 0 }]) {
      const before = await source.read(at, offset - at);
      writeSync(file, before, 0, before.length, at);
      at = offset + size;
    }
    ftruncateSync(file, source.size);
  } finally {
    closeSync(file);
    await archive.close();
    await source.close();
  }
}

export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function derive(path: string, make: (target: string) => void): string {
  if (existsSync(path)) return path;
  const unfinished = `${path}.${process.pid}`;
  make(unfinished);
  renameSync(unfinished, path);
  return path;
}

/**
 * The same archive with its pagemaps as CRIU wrote them up to 4.1: the only form in which checkpointctl 1.3 sees any
 * memory. Everything else stays.
 */
function writeOlder(recorded: string, target: string): void {
  const folder = mkdtempSync(join(cacheFolder(), 'bench-'));
  try {
    execFileSync('tar', ['xf', recorded, '-C', folder]);
    const images = join(folder, 'checkpoint');
    for (const name of readdirSync(images).filter((one) => one.startsWith('pagemap-'))) {
      const path = join(images, name);
      writeFileSync(path, toOlderPagemap(readFileSync(path)));
    }
    execFileSync('tar', ['cf', target, '-C', folder, ...readdirSync(folder)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Moves `nr_pages` from field 5 to field 2 (images/pagemap.proto); magics and the head stay. */
export function toOlderPagemap(image: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 8;
  for (let index = 0; at < image.length; index++) {
    const length = image.readUInt32LE(at);
    const message = image.subarray(at + 4, at + 4 + length);
    const written = index === 0 ? message : toOlderEntry(message);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(written.length);
    parts.push(size, written);
    at += 4 + length;
  }
  return Buffer.concat([image.subarray(0, 8), ...parts]);
}

/** All fields of a pagemap entry are varints: tag, value, tag, value… */
function toOlderEntry(message: Buffer): Buffer {
  const fields = new Map<number, Buffer>();
  for (let at = 0; at < message.length; ) {
    const valueEnd = endOfVarint(message, at + 1);
    fields.set((message[at] ?? 0) >> 3, message.subarray(at + 1, valueEnd));
    at = valueEnd;
  }
  const count = fields.get(5) ?? fields.get(2);
  if (count !== undefined) fields.set(2, count);
  fields.delete(5);
  const sorted = [...fields].sort(([a], [b]) => a - b);
  return Buffer.concat(sorted.flatMap(([field, value]) => [Buffer.of(field << 3), value]));
}

function endOfVarint(message: Buffer, from: number): number {
  let at = from;
  while (((message[at] ?? 0) & 0x80) !== 0) at++;
  return at + 1;
}
