/**
 * inotify and fanotify watches. CRIU saves a watch by its file's path. On most file systems it can go without one; on
 * overlayfs, of which nearly all containers are made, it looks for the file in the folders of its "irmap": some of its
 * own, and those that irmap-scan-path names (criu/fsnotify.c, criu/irmap.c; the folders as its log of 4.2.1 tells them).
 * fdinfo has a line a watch, `inotify wd:1 ino:1a sdev:57 …` in hexadecimal, and `fanotify ino:1a sdev:57 …`.
 */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { watchLine } from '../criu-advice.ts';
import { readNames, readStart } from './bounded-read.ts';
import {
  type Check,
  type ContainerLook,
  describeHolder,
  type HeldDescriptor,
  heldDescriptors,
} from './container-look.ts';
import { addLines } from './criu-options.ts';
import { clipEvidence } from './obstacle.ts';

/** Where CRIU looks unasked, with everything below; of the root itself it knows too. */
const SCANNED: readonly string[] = [
  '/etc',
  '/var/spool',
  '/var/log',
  '/usr/share/dbus-1/services',
  '/usr/share/dbus-1/system-services',
  '/var/lib/polkit-1/localauthority',
  '/usr/share/polkit-1/actions',
  '/lib/udev',
];

/** A container of a thousand mounts. */
const MAX_MOUNTINFO_BYTES = 1024 * 1024;

interface Watch {
  readonly holder: HeldDescriptor;
  readonly inode: number;
  /** The kernel's device number, as fdinfo has it: major << 20 | minor. */
  readonly device: number;
}

export const checkFileWatches: Check = async (look, root) => {
  const scanned = [...SCANNED, ...(look.options.values.get('irmap-scan-path') ?? [])];
  const lost: { readonly watch: Watch; readonly file: string | undefined }[] = [];
  for (const watch of watches(look)) {
    const folder = path.join(root, 'proc', `${watch.holder.process.pid}`);
    if (!(await isOnOverlay(watch, folder))) continue;
    const file = await findFile(watch.inode, path.join(folder, 'root'));
    if (file === undefined || !scanned.some((place) => isWithin(file, place))) lost.push({ watch, file });
  }
  if (lost.length === 0) return [];
  const folders = [...new Set(lost.map(({ file }) => file ?? 'FOLDER'))];
  return [
    {
      id: 'file-watch',
      certainty: lost.some(({ file }) => file !== undefined) ? 'refusal' : 'likely',
      what: 'a process watches files of the image with inotify or fanotify where CRIU does not look for them',
      evidence: clipEvidence(
        lost.map(
          ({ watch, file }) => `${describeHolder(watch.holder)}: ${file ?? 'a file that was not found'}`,
        ),
      ),
      cure: ['on the node, as root:', addLines(look.options, folders.map(watchLine))],
    },
  ];
};

function watches(look: ContainerLook): readonly Watch[] {
  return heldDescriptors(look).flatMap((holder) =>
    holder.descriptor.info.flatMap((line) => {
      const [, inode = '', device = ''] =
        /^[if]a?notify .*?ino:([0-9a-f]+) sdev:([0-9a-f]+)/.exec(line) ?? [];
      return inode === '' ? [] : [{ holder, inode: Number(`0x${inode}`), device: Number(`0x${device}`) }];
    }),
  );
}

/** With nfs_export overlayfs can do what others can: open a file by its handle. */
async function isOnOverlay({ device }: Watch, folder: string): Promise<boolean> {
  const text = (await readStart(path.join(folder, 'mountinfo'), MAX_MOUNTINFO_BYTES)) ?? '';
  const number = `${device >>> 20}:${device & 0xfffff}`;
  return text.split('\n').some((line) => {
    const [, , devices] = line.split(' ');
    return devices === number && line.includes(' - overlay ') && !line.includes('nfs_export=on');
  });
}

/** Images hold some ten thousand files; beyond this the file is told as not found. */
const MAX_VISITED = 20_000;

/** The path in the container of the file with this inode on the file system of its root: nearest to the root first. */
async function findFile(inode: number, root: string): Promise<string | undefined> {
  const top = await lstat(`${root}/`).catch(() => undefined);
  if (top?.ino === inode) return '/';
  const queue = ['/'];
  for (let visited = 0, folder = queue.shift(); folder !== undefined; folder = queue.shift()) {
    for (const name of (await readNames(path.join(root, folder))) ?? []) {
      if (visited++ >= MAX_VISITED) return undefined;
      const file = path.posix.join(folder, name);
      const status = await lstat(path.join(root, file)).catch(() => undefined);
      const isMount = status?.isDirectory() === true && status.dev !== top?.dev;
      if (status === undefined || isMount) continue;
      if (status.ino === inode) return file;
      if (status.isDirectory()) queue.push(file);
    }
  }
  return undefined;
}

const isWithin = (file: string, folder: string): boolean =>
  file === '/' || file === folder || file.startsWith(`${folder.replace(/\/+$/, '')}/`);
