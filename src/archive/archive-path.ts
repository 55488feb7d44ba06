/** Linux's PATH_MAX and NAME_MAX, in bytes: a longer path or name cannot have been a file of the container. */
export const MAX_PATH_BYTES = 4096;
export const MAX_NAME_BYTES = 255;

/** Deeper than any honest tree; a path of 4096 bytes could hold 2048 folders. */
export const MAX_PATH_DEPTH = 255;

/** What a path out of an archive is good for. */
export type PathVerdict =
  | {
      readonly safe: true /** Relative, normalised, without `.` and `..`; empty for the root itself. */;
      readonly path: string;
    }
  | { readonly safe: false; readonly reason: UnsafePathReason };

export type UnsafePathReason =
  | 'leads out of the folder (..)'
  | 'holds a NUL byte'
  | 'is too long'
  | 'is too deep';

const encoder = new TextEncoder();

/**
 * Judges a path that a compromised machine chose. Absolute paths are read as relative to the root of what is looked at
 * (a container's paths are absolute), but a `..` is refused and never resolved: honest writers make none, and where it
 * leads would depend on symbolic links.
 */
export function judgePath(path: string): PathVerdict {
  if (path.includes('\0')) return { safe: false, reason: 'holds a NUL byte' };
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return { safe: false, reason: 'leads out of the folder (..)' };
  if (parts.length > MAX_PATH_DEPTH) return { safe: false, reason: 'is too deep' };
  const normal = parts.join('/');
  const tooLong =
    encoder.encode(normal).length > MAX_PATH_BYTES || parts.some((part) => byteLength(part) > MAX_NAME_BYTES);
  return tooLong ? { safe: false, reason: 'is too long' } : { safe: true, path: normal };
}

function byteLength(text: string): number {
  return text.length * 3 <= MAX_NAME_BYTES ? text.length : encoder.encode(text).length;
}

/** The form in which entries are listed and found: without leading `./` and `/` and without a trailing `/`. */
export function entryPath(name: string): string {
  let start = 0;
  while (name[start] === '/' || (name[start] === '.' && name[start + 1] === '/')) start++;
  let end = name.length;
  while (end > start && name[end - 1] === '/') end--;
  return name.slice(start, end) || '.';
}
