/** Files that have a path: regular files, folders, devices; named as the container knows them. */
import type { FileEntry } from '../../../criu/schemas/files.ts';
import type { GatheredLink, GatheredStat } from '../look/gathered.ts';
import type { DescriptorInfo } from '../proc/descriptor-info.ts';
import { UNKNOWN_OWNER } from './file-book.ts';

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;

export const isRegular = (stat: GatheredStat | undefined): boolean => typeOf(stat) === S_IFREG;
export const isFifo = (stat: GatheredStat | undefined): boolean => typeOf(stat) === S_IFIFO;
export const isCharacterDevice = (stat: GatheredStat | undefined): boolean => typeOf(stat) === S_IFCHR;

const typeOf = (stat: GatheredStat | undefined): number => (stat?.mode ?? 0) & S_IFMT;

/** What the kernel writes behind the path of a file whose name is gone (d_path). */
const DELETED = ' (deleted)';

/** A file may be called so too: only one without a link left, or one that cannot be looked at, is believed to be deleted. */
export function isDeleted({ link, stat }: GatheredLink): boolean {
  return link.endsWith(DELETED) && (stat === undefined || stat.links === 0);
}

/** The path without what the kernel adds to one that is gone. */
export const pathOf = (file: GatheredLink): string =>
  isDeleted(file) ? file.link.slice(0, -DELETED.length) : file.link;

/** How the file is open. */
type OpenState = Pick<DescriptorInfo, 'flags' | 'position'> & { readonly mountId?: number | undefined };

/** Open by nobody's descriptor: an executable, a working directory, a mapping. */
export const NOT_OPENED: OpenState = { flags: 0, position: 0n };

export function namedEntry(id: number, file: GatheredLink, state: OpenState): Omit<FileEntry, 'id'> {
  const { stat } = file;
  const reg = {
    id,
    flags: state.flags,
    pos: state.position,
    fown: UNKNOWN_OWNER,
    name: pathOf(file),
    mnt_id: state.mountId,
    size: isRegular(stat) ? stat?.size : undefined,
    mode: stat?.mode,
    build_id: [],
  };
  return { type: 'REG', reg };
}
