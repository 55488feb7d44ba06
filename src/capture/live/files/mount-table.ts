/** The mounts of the container's mount namespaces, as mountpoints-N.img and as a place to look things up. */

import { imageKinds } from '../../../criu/image-kinds.ts';
import { fsType, type MntEntry } from '../../../criu/schemas/mounts.ts';
import { type LiveImage, listImage } from '../live-image.ts';
import type { GatheredProcess } from '../look/gathered.ts';
import { type DeviceNumber, kernelDevice } from '../proc/device-number.ts';
import { type MountLine, parseMountInfo } from '../proc/mount-info.ts';
import { namespaceId } from './namespace-files.ts';

/** Of one mount namespace. */
export class MountTable {
  readonly mounts: readonly MountLine[];
  readonly #ids: ReadonlySet<number>;
  readonly #devices: ReadonlySet<string>;
  readonly #points: ReadonlyMap<string, number>;

  constructor(mounts: readonly MountLine[]) {
    this.mounts = mounts;
    this.#ids = new Set(mounts.map(({ id }) => id));
    this.#devices = new Set(mounts.map(({ major, minor }) => `${major}:${minor}`));
    // The last one mounted at a place hides the others.
    this.#points = new Map(mounts.map(({ mountPoint, id }) => [mountPoint, id]));
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  hasDevice({ major, minor }: DeviceNumber): boolean {
    return this.#devices.has(`${major}:${minor}`);
  }

  /** FUSE: the program may be one of the container, and stand still. */
  isServedByProgram(id: number | undefined): boolean {
    return this.mounts.some((mount) => mount.id === id && isFuse(mount));
  }

  isDeviceServedByProgram({ major, minor }: DeviceNumber): boolean {
    return this.mounts.some((mount) => mount.major === major && mount.minor === minor && isFuse(mount));
  }

  /** The mount that an absolute path lies in. */
  idAt(path: string): number | undefined {
    for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
      const id = this.#points.get(at);
      if (id !== undefined) return id;
    }
    return this.#points.get('/');
  }
}

const isFuse = ({ type }: MountLine): boolean => /^fuse(?:blk|\.|$)/.test(type);

/** Mount tables by namespace, each read from the first process in it. */
export class MountTables {
  readonly #byNamespace = new Map<bigint, MountTable>();

  constructor(processes: readonly GatheredProcess[]) {
    for (const { namespaces, files } of processes) {
      // A process that has ended and was not waited for has none.
      if (namespaces.mnt !== undefined && !this.#byNamespace.has(namespaces.mnt))
        this.#byNamespace.set(namespaces.mnt, new MountTable(parseMountInfo(files.mountinfo)));
    }
  }

  of({ namespaces }: Pick<GatheredProcess, 'namespaces'>): MountTable {
    return this.#byNamespace.get(namespaces.mnt ?? 0n) ?? new MountTable([]);
  }

  *[Symbol.iterator](): Iterator<readonly [namespace: bigint, table: MountTable]> {
    yield* this.#byNamespace;
  }
}

/** mountpoints-N.img of every namespace; the last mount first, as CRIU writes them. */
export function mountImages(tables: MountTables): readonly LiveImage[] {
  return [...tables].map(([namespace, { mounts }]) =>
    listImage(
      `mountpoints-${namespaceId(namespace)}.img`,
      imageKinds.mountpoints,
      mounts.toReversed().map(mountEntry),
    ),
  );
}

/** MS_* of include/uapi/linux/mount.h, by the words of mountinfo. */
const MOUNT_FLAGS: Readonly<Record<string, number>> = {
  ro: 1,
  nosuid: 1 << 1,
  nodev: 1 << 2,
  noexec: 1 << 3,
  nosymfollow: 1 << 8,
  noatime: 1 << 10,
  nodiratime: 1 << 11,
  relatime: 1 << 21,
};
const SUPER_FLAGS: Readonly<Record<string, number>> = {
  ro: 1,
  sync: 1 << 4,
  mand: 1 << 6,
  dirsync: 1 << 7,
  lazytime: 1 << 25,
};
const UNBINDABLE = 1 << 17;
const SLAVE = 1 << 19;
const SHARED = 1 << 20;
/** The kernel has no word for it: neither `noatime` nor `relatime` is there. */
const STRICT_ATIME = 1 << 24;

/** CRIU's own code for a file system that it has none for; its name then stands in `fsname`. */
const AUTO = fsType.values.AUTO;
/** How the kernel calls what CRIU calls otherwise. */
const TYPE_NAMES: Readonly<Record<string, string>> = { overlay: 'OVERLAYFS' };

function mountEntry(mount: MountLine): MntEntry {
  const name = TYPE_NAMES[mount.type] ?? mount.type.toUpperCase();
  const code: number | undefined = Object.hasOwn(fsType.values, name)
    ? fsType.values[name as keyof typeof fsType.values]
    : undefined;
  return {
    fstype: code ?? AUTO,
    mnt_id: mount.id,
    root_dev: kernelDevice(mount),
    parent_mnt_id: mount.parent,
    flags: mountFlags(mount),
    root: mount.root,
    mountpoint: mount.mountPoint,
    source: mount.source,
    options: mount.superOptions.filter((word) => word !== 'rw' && SUPER_FLAGS[word] === undefined).join(','),
    shared_id: mount.shared,
    master_id: mount.master,
    fsname: code === undefined ? mount.type : undefined,
    sb_flags: flagsOf(mount.superOptions, SUPER_FLAGS),
  };
}

function mountFlags({ options, shared, master, unbindable }: MountLine): number {
  const isStrict = !options.some((word) => word === 'noatime' || word === 'relatime');
  const propagation = (shared && SHARED) | (master && SLAVE) | (unbindable ? UNBINDABLE : 0);
  return (flagsOf(options, MOUNT_FLAGS) | propagation | (isStrict ? STRICT_ATIME : 0)) >>> 0;
}

const flagsOf = (words: readonly string[], flags: Readonly<Record<string, number>>): number =>
  words.reduce((bits, word) => bits | (flags[word] ?? 0), 0) >>> 0;
