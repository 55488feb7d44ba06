/**
 * What is at a path of the node: compared before anything is put in its place, and put back from a kept copy. Extended
 * attributes are not kept: on SELinux a file that is put back has the label that its folder gives to new ones.
 */
import { createHash } from 'node:crypto';
import { chmod, lchown, lstat, lutimes, open, readlink, rename, rm, symlink } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { ExhibitError } from '../../bytes/exhibit-error.ts';

interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** When it was last written to, in milliseconds since 1970. */
  readonly modified: number;
}

export type PathState =
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'link'; readonly target: string } & Owner)
  /** `mode` holds the permission bits only, set-user-ID and the like among them. */
  | ({ readonly kind: 'file'; readonly mode: number; readonly sha256: string } & Owner);

/** k3s' BusyBox has 2 MiB, a static tar of another make not ten times as much; configuration files have some KiB. */
export const MAX_KEPT_BYTES = 64 * 1024 * 1024;

/** Throws `WRITE_FAILED` for what is neither a file nor a link: none of our cures replaces such a thing. */
export async function readState(path: string): Promise<PathState> {
  const status = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (status === undefined) return { kind: 'absent' };
  const { uid, gid, mtimeMs } = status;
  const owner = { uid, gid, modified: Math.floor(mtimeMs) };
  if (status.isSymbolicLink()) return { kind: 'link', target: await readlink(path), ...owner };
  if (!status.isFile()) throw notReplaced(path, 'is neither a file nor a link');
  const sha256 = hash(await readWhole(path));
  return { kind: 'file', mode: status.mode & 0o7777, sha256, ...owner };
}

/** Are both the same but for the time of their writing? */
export const isSameState = (a: PathState, b: PathState): boolean =>
  isDeepStrictEqual({ ...a, modified: 0 }, { ...b, modified: 0 });

/** All bytes of a file. Throws `WRITE_FAILED` for one that is larger than what is kept. */
export async function readWhole(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    if ((await handle.stat()).size > MAX_KEPT_BYTES) throw notReplaced(path, 'is too large to be kept');
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Writes a file that is not there yet, to the disk and not only to the cache. */
export async function writeWhole(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `path`, which is not there yet, what `state` says; a file gets `bytes`. */
export async function makeState(
  path: string,
  state: Exclude<PathState, { readonly kind: 'absent' }>,
  bytes: Uint8Array,
): Promise<void> {
  if (state.kind === 'link') await symlink(state.target, path);
  else await writeWhole(path, bytes, 0o600);
  // The owner first: a change of it takes set-user-ID away.
  await lchown(path, state.uid, state.gid);
  if (state.kind === 'file') await chmod(path, state.mode);
  await lutimes(path, state.modified / 1000, state.modified / 1000);
}

/** Puts what lies at `source`, in the same folder, at `path` in one step; `source` is gone in every case. */
export async function putInPlace(source: string, path: string): Promise<void> {
  try {
    await rename(source, path);
  } finally {
    await rm(source, { force: true });
  }
}

export const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function notReplaced(path: string, why: string): ExhibitError {
  return new ExhibitError('WRITE_FAILED', `${path} ${why}: it is not replaced`, { source: path });
}
