/**
 * Descriptors, open files, working directories, mapped files, locks, mounts and sockets of a gathered container as CRIU 4.2
 * writes them, and beside them what its images have no place for.
 */
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { ContentItem } from '../content/content-item.ts';
import { type LiveImage, listImage } from '../live-image.ts';
import type { NamespaceLook } from '../look/gather-namespaces.ts';
import type { GatheredContainer, GatheredProcess } from '../look/gathered.ts';
import { type KernelAnswers, NO_ANSWERS } from '../look/kernel-questions.ts';
import type { Mapping } from '../proc/mappings.ts';
import { containerNumber, parseStatus } from '../proc/status.ts';
import { TaskNumbers } from '../tasks/task-numbers.ts';
import type { DeletedFiles } from './deleted-files.ts';
import { type DescriptorContext, describeDescriptors, type OtherDescriptor } from './descriptors.ts';
import { FileBook } from './file-book.ts';
import { FileLocks } from './file-locks.ts';
import { fileOwners } from './file-owners.ts';
import { addExecutable, addMappedFiles } from './mapped-files.ts';
import { type MountTable, MountTables, mountImages } from './mount-table.ts';
import { NOT_OPENED, namedEntry, pathOf } from './named-file.ts';
import { type NetworkFacts, networkFacts, networkImages } from './networks.ts';
import { SharedMemoryFiles } from './shared-memory-files.ts';
import { readSocketTable } from './sockets.ts';
import { Terminals } from './terminals.ts';
import { pipeImages, queueImages } from './waiting-bytes.ts';

/** Ids for the images of processes, by the number that the node counts a process by. */
export interface FileTable {
  /** N of fdinfo-N.img; 0 for a process that has none, having ended. */
  fdinfoId(pid: number): number;
  /** Ids in files.img; undefined for what was not to be read. */
  executable(pid: number): number | undefined;
  workingDirectory(pid: number): number | undefined;
  root(pid: number): number | undefined;
  /** Of the mapping that starts there; undefined for one of no file. */
  mapped(pid: number, start: bigint): number | undefined;
}

export interface FileImages {
  readonly images: readonly LiveImage[];
  /** Deleted files: images that are read while they are written. */
  readonly contents: readonly ContentItem[];
  readonly table: FileTable;
  /** What was not read, and why. */
  readonly gaps: readonly string[];
  /** What CRIU's images have no place for. */
  readonly beside: {
    readonly descriptors: readonly OtherDescriptor[];
    readonly networks: readonly NetworkFacts[];
  };
}

interface ProcessFiles {
  readonly fdinfoId: number;
  readonly executable: number | undefined;
  readonly workingDirectory: number | undefined;
  readonly root: number | undefined;
  readonly mapped: ReadonlyMap<bigint, number>;
}

/** `mappings` by the node's number of the process; `deleted` was held and `answers` were given while the container stood. */
export function buildFileImages(
  container: GatheredContainer,
  mappings: ReadonlyMap<number, readonly Mapping[]>,
  deleted: DeletedFiles,
  answers: KernelAnswers = NO_ANSWERS,
): FileImages {
  const { processes, networks } = container;
  const { netlink, sameFiles, sharedParts, socketOptions, socketProtocols, waiting } = answers;
  const segments = segmentNumbers(answers.namespaces);
  const tables = new MountTables(processes);
  const numbers = new TaskNumbers(container);
  const { depth } = numbers;
  const book = new FileBook();
  const context: DescriptorContext = {
    book,
    depth,
    deleted,
    isSegment: ({ namespaces }, { path, inode }) =>
      path.startsWith('/SYSV') && segments.has(`${namespaces.ipc} ${inode}`),
    sameFiles,
    socketProtocols,
    sockets: readSocketTable(networks, netlink.namespaces, socketOptions),
    ownerOf: fileOwners((pid) => numbers.find(pid)),
    shared: new SharedMemoryFiles(),
    terminals: new Terminals(book, processes, depth),
    locks: new FileLocks(),
    others: [],
  };
  const known = new Map<number, ProcessFiles>();
  const images: LiveImage[] = [];
  for (const process of processes.filter(hasFiles)) {
    const own = mappings.get(process.pid) ?? [];
    // CRIU writes the descriptors of processes that share their table once.
    const sharer = known.get(sharedParts.descriptors.get(process.pid) ?? process.pid);
    const fdinfo = { id: sharer?.fdinfoId ?? known.size + 1, isWritten: sharer !== undefined };
    const added = addProcess(process, fdinfo, own, tables.of(process), context);
    known.set(process.pid, added.files);
    images.push(...added.images);
  }
  images.push(listImage('files.img', imageKinds.files, book.entries));
  for (const each of [context.shared, context.terminals, context.locks, deleted])
    images.push(...each.images());
  images.push(...pipeImages(waiting.pipes), ...queueImages(waiting.queues, (link) => book.find(link)?.id));
  images.push(...mountImages(tables), ...networkImages(networks, netlink.namespaces));
  return {
    images,
    contents: deleted.contents(),
    table: toTable(known),
    gaps: [...context.sockets.gaps, ...netlink.gaps, ...waiting.gaps, ...deleted.gaps],
    beside: { descriptors: context.others, networks: networkFacts(networks, netlink.namespaces) },
  };
}

/** Namespace and id of each System V segment. */
const segmentNumbers = ({ ipc }: NamespaceLook): ReadonlySet<string> =>
  new Set(
    [...ipc].flatMap(([namespace, { segments }]) =>
      segments.map((each) => `${namespace} ${each.get('shmid')}`),
    ),
  );

/** A process that has ended and was not waited for has given back everything; CRIU writes none of these images for it. */
const hasFiles = ({ root, descriptors }: GatheredProcess): boolean =>
  root !== undefined || descriptors.length > 0;

/** Executable and mappings come first, then descriptors, as CRIU numbers them. */
function addProcess(
  process: GatheredProcess,
  { id: fdinfoId, isWritten }: { readonly id: number; readonly isWritten: boolean },
  mappings: readonly Mapping[],
  mounts: MountTable,
  context: DescriptorContext,
): { readonly files: ProcessFiles; readonly images: readonly LiveImage[] } {
  const status = parseStatus(process.files.status);
  const number = containerNumber(status, context.depth) ?? process.pid;
  const mapped = addMappedFiles(process, mappings, mounts, context);
  const executable = addExecutable(process, mappings, mapped, mounts, context);
  const descriptors = isWritten
    ? []
    : [
        listImage(
          `fdinfo-${fdinfoId}.img`,
          imageKinds.fdinfo,
          describeDescriptors(process, number, mounts, context),
        ),
      ];
  const folder = (link: GatheredProcess['root']): number | undefined =>
    link &&
    context.book.add((id) => namedEntry(id, link, { ...NOT_OPENED, mountId: mounts.idAt(pathOf(link)) })).id;
  const workingDirectory = folder(process.workingDirectory);
  const root = folder(process.root);
  const umask = Number.parseInt(status.get('Umask') ?? '', 8);
  const fs = {
    cwd_id: workingDirectory ?? 0,
    root_id: root ?? 0,
    umask: Number.isNaN(umask) ? undefined : umask,
  };
  return {
    files: { fdinfoId, executable, workingDirectory, root, mapped },
    images: [...descriptors, listImage(`fs-${number}.img`, imageKinds.fs, [fs])],
  };
}

function toTable(known: ReadonlyMap<number, ProcessFiles>): FileTable {
  return {
    fdinfoId: (pid) => known.get(pid)?.fdinfoId ?? 0,
    executable: (pid) => known.get(pid)?.executable,
    workingDirectory: (pid) => known.get(pid)?.workingDirectory,
    root: (pid) => known.get(pid)?.root,
    mapped: (pid, start) => known.get(pid)?.mapped.get(start),
  };
}
