/**
 * tmpfs-dev-N.tar.gz.img: the files of each tmpfs of the container, N its device number as the kernel encodes it (CRIU 4.2,
 * criu/filesystems.c). Parts of another tmpfs that are bound into the container are the node's, and left out as CRIU leaves them.
 */
import { createGzip } from 'node:zlib';
import type { GatheredProcess } from '../look/gathered.ts';
import { deviceNumber, kernelDevice } from '../proc/device-number.ts';
import { type MountLine, parseMountInfo } from '../proc/mount-info.ts';
import type { ContentItem } from './content-item.ts';
import type { ReadAttributes } from './extended-attributes.ts';
import { folderTar } from './folder-tar.ts';
import { gzipped } from './gzipped.ts';
import { OpenFolder } from './open-folder.ts';

/** A tmpfs is memory: half of the node's is its default size. */
const MAX_BYTES = 16 * 1024 ** 3;

/** One item for each tmpfs of the process's mounts. */
export function tmpfsContents(
  first: GatheredProcess,
  gaps: string[],
  attributes?: ReadAttributes,
): readonly ContentItem[] {
  const mounts = new Map<string, MountLine>();
  for (const mount of parseMountInfo(first.files.mountinfo)) {
    const device = `${mount.major}:${mount.minor}`;
    if (mount.type === 'tmpfs' && mount.root === '/' && !mounts.has(device)) mounts.set(device, mount);
  }
  return [...mounts.values()].map((mount) => ({
    path: `checkpoint/tmpfs-dev-${kernelDevice(mount)}.tar.gz.img`,
    chunks: () => gzipped(contents(first.pid, mount, gaps, attributes), createGzip()),
  }));
}

async function* contents(
  pid: number,
  mount: MountLine,
  gaps: string[],
  attributes: ReadAttributes | undefined,
): AsyncGenerator<Uint8Array> {
  const folder = openMount(pid, mount);
  if (folder === undefined) {
    gaps.push(
      `the files of the tmpfs at ${mount.mountPoint} cannot be read: another mount hides it, or it is gone`,
    );
    return;
  }
  yield* folderTar(folder, {
    prefix: './',
    withRoot: true,
    attributes,
    gap: (what) => gaps.push(`the tmpfs at ${mount.mountPoint}: ${what}`),
    limit: MAX_BYTES,
  });
}

/** The root of that very mount, not of what else may lie at its path by now. */
function openMount(pid: number, mount: MountLine): OpenFolder | undefined {
  let root: OpenFolder | undefined;
  try {
    root = OpenFolder.open(`/proc/${pid}/root`);
    const folder = root.descend(mount.mountPoint);
    const device = folder && deviceNumber(folder.ownStat().dev);
    if (device?.major === mount.major && device.minor === mount.minor) return folder;
    folder?.close();
  } catch {
    // The process has ended.
  } finally {
    root?.close();
  }
  return undefined;
}
