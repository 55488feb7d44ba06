/**
 * Reads small files of /proc without waiting for anything: while a container stands still, each switch to another task
 * would be time that it loses. Every read is bounded; what cannot be read is undefined.
 */
import { closeSync, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs';
import type { GatheredLink, GatheredStat } from './gathered.ts';

/**
 * Longest file that is read. smaps has some 1 KiB a VMA, of which a process has at most 65,530 by default
 * (vm.max_map_count); a busy proxy's /proc/net/tcp 150 bytes a connection.
 */
const MAX_FILE_BYTES = 128 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;

const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);

/** The content of a file, cut at MAX_FILE_BYTES. */
export function readBytes(file: string): Uint8Array | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const pieces: Uint8Array[] = [];
    for (let length = 0; length < MAX_FILE_BYTES; ) {
      const count = readSync(descriptor, piece, 0, PIECE_BYTES, null);
      if (count === 0) break;
      pieces.push(Uint8Array.prototype.slice.call(piece, 0, count));
      length += count;
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

export function readText(file: string): string | undefined {
  const bytes = readBytes(file);
  return bytes === undefined
    ? undefined
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

/** Files below a folder that are there, by name. */
export function readFiles<Name extends string>(
  folder: string,
  names: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const text = readText(`${folder}/${name}`);
    if (text !== undefined) found[name] = text;
  }
  return found;
}

/** The names in a folder that are numbers, in ascending order. */
export function readNumbers(folder: string): readonly number[] | undefined {
  try {
    const names = readdirSync(folder);
    return names
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  } catch {
    return undefined;
  }
}

/** A link of /proc, and the file that it leads to in whatever namespace that is; `statOf` says how that is looked at. */
export function readLink(
  file: string,
  statOf: (link: string) => (file: string) => GatheredStat | undefined = () => readStat,
): GatheredLink | undefined {
  try {
    const link = readlinkSync(file);
    return { link, stat: statOf(link)(file) };
  } catch {
    return undefined;
  }
}

/** By stat(2), which asks whoever serves the file system. */
export function readStat(file: string): GatheredStat | undefined {
  try {
    const { dev, ino, mode, rdev, size, nlink, uid, gid } = statSync(file, { bigint: true });
    return {
      dev,
      ino,
      mode: Number(mode),
      rdev,
      size,
      links: Number(nlink),
      uid: Number(uid),
      gid: Number(gid),
    };
  } catch {
    return undefined;
  }
}
