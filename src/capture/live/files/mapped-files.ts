/** The files behind mappings: one description a file, however many processes map it in however many parts. */
import type { GatheredProcess, GatheredStat } from '../look/gathered.ts';
import type { Mapping } from '../proc/mappings.ts';
import { type DeletedFiles, mappingPlace } from './deleted-files.ts';
import type { FileBook } from './file-book.ts';
import type { MountTable } from './mount-table.ts';
import { NOT_OPENED, namedEntry, pathOf } from './named-file.ts';
import { type SharedMemoryFiles, sharedMemoryName } from './shared-memory-files.ts';

export interface MappedFileContext {
  readonly book: FileBook;
  readonly shared: SharedMemoryFiles;
  readonly deleted: DeletedFiles;
  /** Whether the mapping is a System V segment that ipcns-shm-N.img tells of: to CRIU that is no file. */
  readonly isSegment: (process: GatheredProcess, mapping: Mapping) => boolean;
}

/** Ids in files.img of a process's mappings, by their start; mappings of no file are not in it. */
export function addMappedFiles(
  process: GatheredProcess,
  mappings: readonly Mapping[],
  mounts: MountTable,
  context: MappedFileContext,
): ReadonlyMap<bigint, number> {
  const ids = new Map<bigint, number>();
  for (const mapping of mappings) {
    const id = addMappedFile(process, mapping, mounts, context);
    if (id !== undefined) ids.set(mapping.start, id);
  }
  return ids;
}

function addMappedFile(
  process: GatheredProcess,
  mapping: Mapping,
  mounts: MountTable,
  { book, shared, deleted, isSegment }: MappedFileContext,
): number | undefined {
  const name = sharedMemoryName(mapping, mounts);
  if (name !== undefined) {
    if (isSegment(process, mapping)) return undefined;
    shared.growTo(name, mapping, executableStat(process, mapping)?.size);
    return book.once(`shared ${name} ${mapping.inode}`, (id) => shared.ofMapping(id, name, mapping)).id;
  }
  if (mapping.inode === 0n || !mapping.path.startsWith('/')) return undefined;
  const ghost = deleted.find(process.pid, mappingPlace(mapping));
  const link = { link: mapping.path, stat: executableStat(process, mapping) };
  const mountId = mounts.idAt(pathOf(link));
  const key = fileKey(process, mapping, ghost);
  const { id } = book.once(key, (other) => namedEntry(other, link, { ...NOT_OPENED, mountId }));
  if (ghost !== undefined) deleted.markUsed(id, ghost);
  return id;
}

/** The executable is described by the same entry as its mappings, as by CRIU. */
export function addExecutable(
  process: GatheredProcess,
  mappings: readonly Mapping[],
  ids: ReadonlyMap<bigint, number>,
  mounts: MountTable,
  { book, deleted }: MappedFileContext,
): number | undefined {
  const { executable } = process;
  if (executable === undefined) return undefined;
  const own = mappings.find((mapping) => mapping.path === executable.link && ids.has(mapping.start));
  const mapped = own && ids.get(own.start);
  if (mapped !== undefined) return mapped;
  const { id } = book.add((other) =>
    namedEntry(other, executable, { ...NOT_OPENED, mountId: mounts.idAt(pathOf(executable)) }),
  );
  const ghost = deleted.find(process.pid, 'exe');
  if (ghost !== undefined) deleted.markUsed(id, ghost);
  return id;
}

/** What stat says of the executable is known of its mappings too. Of other mapped files only the path is. */
function executableStat({ executable }: GatheredProcess, { path, inode }: Mapping): GatheredStat | undefined {
  return executable?.link === path && executable.stat?.ino === inode ? executable.stat : undefined;
}

function fileKey(
  { namespaces }: GatheredProcess,
  { major, minor, inode, path }: Mapping,
  ghost: number | undefined,
): string {
  return JSON.stringify([`${namespaces.mnt}`, major, minor, `${inode}`, path, ghost ?? 0]);
}
