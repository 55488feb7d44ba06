/**
 * Mounts: mountpoints-NS.img says what was really mounted, in which order; spec.dump what the engine asked for, with the
 * words that people know (`bind`, source paths of the host). The image wins where it is there, as it also shows what was
 * mounted later.
 */
import { imageKinds } from '../criu/image-kinds.ts';
import { fsType, type MntEntry } from '../criu/schemas/mounts.ts';
import type { Mount } from './checkpoint.ts';
import type { ImageSet } from './image-set.ts';
import type { JsonValue } from './json-document.ts';

/** What the engine asked for, in the order of the OCI runtime configuration. */
export function specMounts(spec: JsonValue): readonly Mount[] {
  return spec.get('mounts').items.map((mount) => ({
    destination: mount.get('destination').text ?? '',
    type: mount.get('type').text ?? '',
    source: mount.get('source').text ?? '',
    options: mount.get('options').texts,
  }));
}

/** CRI-O's bind.mounts: what must be on the host to restore. Of use where spec.dump is lost or was changed. */
export function boundMounts(document: JsonValue): readonly Mount[] {
  return document.items.flatMap((mount) => {
    const destination = mount.get('destination').text;
    if (destination === undefined) return [];
    return [{ destination, type: 'bind', source: mount.get('source').text ?? '', options: [] }];
  });
}

/** A mounted filesystem, from mountpoints-NS.img. */
export interface MountPoint {
  readonly id: number;
  readonly device: number;
  readonly mountPoint: string;
  /** The part of the filesystem that is mounted, `/` for all of it. */
  readonly root: string;
  readonly type: string;
  readonly source: string;
}

export async function readMountPoints(images: ImageSet): Promise<readonly MountPoint[]> {
  const points: MountPoint[] = [];
  for (const name of images.names().filter((each) => /^mountpoints-\d+\.img$/.test(each))) {
    const entries = await images.read(name, imageKinds.mountpoints);
    for (const { message } of entries) points.push(toMountPoint(message));
  }
  return points;
}

function toMountPoint(entry: MntEntry): MountPoint {
  return {
    id: entry.mnt_id,
    device: entry.root_dev,
    mountPoint: normal(entry.mountpoint),
    root: entry.root,
    type: typeName(entry),
    source: entry.source,
  };
}

function typeName({ fstype, fsname }: MntEntry): string {
  const name = fsType.names.get(fstype);
  return name === undefined || name === 'AUTO' || name === 'UNSUPPORTED'
    ? (fsname ?? '')
    : name.toLowerCase();
}

/** CRIU writes mount points relative to the root of the namespace: `./dev`, `/dev` or `dev`. */
const normal = (path: string): string => `/${path.replace(/^\.?\/*/, '')}`;

/**
 * The mounts to show: those of the engine's configuration, what else it had bound, then what the images show that it did
 * not ask for, which is what somebody mounted later (or the runtime by itself).
 */
export function mergeMounts(
  asked: readonly Mount[],
  bound: readonly Mount[],
  mounted: readonly MountPoint[],
): readonly Mount[] {
  const engines = [...asked, ...withoutThose(bound, asked)];
  const others = mounted
    .filter(({ mountPoint }) => mountPoint !== '/')
    .map(({ mountPoint, type, source }) => ({ destination: mountPoint, type, source, options: [] }));
  return [...engines, ...withoutThose(others, engines)];
}

function withoutThose(mounts: readonly Mount[], known: readonly Mount[]): readonly Mount[] {
  const destinations = new Set(known.map(({ destination }) => destination));
  return mounts.filter(({ destination }) => !destinations.has(destination));
}
