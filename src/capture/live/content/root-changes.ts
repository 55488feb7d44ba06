/**
 * rootfs-diff.tar: what the container changed in its root filesystem, as containerd writes it: a gzip layer of an OCI image, in
 * which `.wh.NAME` stands for a file that was removed (OCI image-spec, layer.md). It is overlayfs' upper layer (kernel
 * Documentation/filesystems/overlayfs.rst), in which a character device 0:0 is a removed file. That a folder hides all that lies
 * below it is seen from names of lower layers that the container does not see, and they are told one by one, as containerd does.
 * Other extended attributes than capabilities are in here besides, which containerd leaves out.
 */
import type { BigIntStats } from 'node:fs';
import { createGzip } from 'node:zlib';
import type { GatheredProcess } from '../look/gathered.ts';
import { type MountLine, parseMountInfo } from '../proc/mount-info.ts';
import type { ContentItem } from './content-item.ts';
import type { ReadAttributes } from './extended-attributes.ts';
import { folderTar } from './folder-tar.ts';
import { gzipped } from './gzipped.ts';
import { nodePath } from './node-path.ts';
import { OpenFolder } from './open-folder.ts';

const WHITEOUT = '.wh.';
/** Of content: a container that downloaded more than this is told of, file by file. */
const MAX_BYTES = 64 * 1024 ** 3;

interface OverlayFolders {
  readonly upper: string;
  readonly lowers: readonly string[];
}

/**
 * The item for the process's root filesystem; undefined with a gap where that is no overlay or cannot be reached.
 * `nodeRoot` is where the node's own root filesystem is: empty on the node.
 */
export function rootChanges(
  first: GatheredProcess,
  gaps: string[],
  nodeRoot = '',
  attributes?: ReadAttributes,
): ContentItem | undefined {
  const mounts = parseMountInfo(first.files.mountinfo);
  const overlay = overlayFolders(mounts.findLast(({ mountPoint }) => mountPoint === '/'));
  if (overlay === undefined) {
    gaps.push(
      "the changes of the root filesystem are not in here: it is no overlay, or its upper layer isn't told",
    );
    return undefined;
  }
  return {
    path: 'rootfs-diff.tar',
    chunks: () => gzipped(layer(first.pid, overlay, gaps, nodeRoot, attributes), createGzip()),
  };
}

/** The options of the mount, whose paths are the node's. Docker's lower layers are relative, and lie beside the upper one. */
function overlayFolders(root: MountLine | undefined): OverlayFolders | undefined {
  if (root?.type !== 'overlay') return undefined;
  const option = (name: string): string | undefined =>
    root.superOptions.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const upper = option('upperdir');
  if (upper === undefined || !upper.startsWith('/')) return undefined;
  // Appended by `lowerdir+=` on newer kernels, joined by colons otherwise.
  const lowers = root.superOptions.flatMap((each) => /^lowerdir\+?=(.*)$/.exec(each)?.[1]?.split(':') ?? []);
  return { upper, lowers: lowers.filter((each) => each.startsWith('/')) };
}

async function* layer(
  pid: number,
  { upper, lowers }: OverlayFolders,
  gaps: string[],
  nodeRoot: string,
  attributes: ReadAttributes | undefined,
): AsyncGenerator<Uint8Array> {
  let folder: OpenFolder;
  try {
    folder = OpenFolder.open(nodePath(nodeRoot, upper));
  } catch (error) {
    gaps.push(`the changes of the root filesystem cannot be read: ${messageOf(error)}`);
    return;
  }
  const below = openAll([...lowers.map((lower) => nodePath(nodeRoot, lower))]);
  const seen = openAll([`/proc/${pid}/root`]);
  try {
    yield* folderTar(folder, {
      prefix: '',
      withRoot: false,
      replace: (_folder, name, stat) => (isWhiteout(stat) ? WHITEOUT + name : undefined),
      marks: (of, path) => hiddenNames(of, path, below, seen[0]).map((name) => WHITEOUT + name),
      attributes,
      gap: (what) => gaps.push(`rootfs-diff.tar: ${what}`),
      limit: MAX_BYTES,
    });
  } finally {
    for (const each of [...below, ...seen]) each.close();
  }
}

const isWhiteout = (stat: BigIntStats): boolean => stat.isCharacterDevice() && stat.rdev === 0n;

/** Names that a lower layer has in this folder and that are neither in the upper one nor seen by the container. */
function hiddenNames(
  upper: OpenFolder,
  path: string,
  lowers: readonly OpenFolder[],
  seen: OpenFolder | undefined,
): readonly string[] {
  const visible = path === '' ? undefined : seen?.descend(path);
  if (seen === undefined || visible === undefined) return [];
  // Another mount lies over it.
  const isCovered = visible.ownStat().dev !== seen.ownStat().dev;
  const known = new Set(isCovered ? [] : [...upper.names(), ...visible.names()]);
  visible.close();
  if (isCovered) return [];
  const older = lowers.map((lower) => namesIn(lower, path));
  // What a layer in between removed is not hidden by this folder.
  const removed = new Set(older.flatMap(({ whiteouts }) => whiteouts));
  const names = new Set(older.flatMap((each) => each.names));
  return [...names].filter((name) => !known.has(name) && !removed.has(name)).sort();
}

function namesIn(
  lower: OpenFolder,
  path: string,
): { readonly names: readonly string[]; readonly whiteouts: readonly string[] } {
  const folder = lower.descend(path);
  if (folder === undefined) return { names: [], whiteouts: [] };
  const names = folder.names();
  const whiteouts = names.filter((name) => {
    const stat = folder.stat(name);
    return stat !== undefined && isWhiteout(stat);
  });
  folder.close();
  return { names, whiteouts };
}

function openAll(paths: readonly string[]): readonly OpenFolder[] {
  return paths.flatMap((path) => {
    try {
      return [OpenFolder.open(path)];
    } catch {
      return [];
    }
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
