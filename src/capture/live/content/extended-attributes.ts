/**
 * Extended attributes of files (xattr(7)): capabilities that a program is given, access lists, labels of security modules, and
 * what users put beside their files. Node.js has no calls for them: koffi has (decision 025).
 */
import { type CLibrary, loadCLibrary } from '../look/c-library.ts';

/** Those of the file at a path, of which the last part is not followed if it is a link. */
export type ReadAttributes = (path: string) => Readonly<Record<string, Uint8Array>> | undefined;

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h. */
const MAX_LIST_BYTES = 65_536;
const MAX_VALUE_BYTES = 65_536;
/** Of one file: no more than readers of archives take (MAX_PAX_BYTES), with room for its name. */
const MAX_BYTES = 512 * 1024;
/** Overlayfs keeps its own books in these: they are the node's, and say nothing of the file as the container sees it. */
const OVERLAY = /^(?:trusted|user)\.overlay\./;

/** Undefined where koffi is not installed for this machine. */
export function openAttributes(library: CLibrary | undefined = loadCLibrary()): ReadAttributes | undefined {
  if (library === undefined) return undefined;
  const listNames = library.function('intptr_t llistxattr(const char *, void *, size_t)');
  const get = library.function('intptr_t lgetxattr(const char *, const char *, void *, size_t)');
  const list = Buffer.alloc(MAX_LIST_BYTES);
  const value = Buffer.alloc(MAX_VALUE_BYTES);
  return (path) => {
    const length = Number(listNames(path, list, list.length));
    if (length <= 0) return undefined;
    const found: [string, Uint8Array][] = [];
    let left = MAX_BYTES;
    for (const name of list.toString('utf8', 0, length).split('\0')) {
      if (name === '' || OVERLAY.test(name)) continue;
      const size = Number(get(path, name, value, value.length));
      left -= name.length + Math.max(0, size);
      if (size >= 0 && left >= 0) found.push([name, Uint8Array.from(value.subarray(0, size))]);
    }
    return found.length === 0 ? undefined : Object.fromEntries(found);
  };
}

/** What a capture without them says. */
export const WITHOUT_ATTRIBUTES =
  'extended attributes of files are not in here: koffi is not installed for this machine';
