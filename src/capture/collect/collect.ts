/** Archives off their nodes: which ones, from where, and each of them here. */
import path from 'node:path';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { findNode, listNodes, type NodeStatus, runsLinux } from '../cluster/nodes.ts';
import type { ClusterAccess } from '../kubeconfig.ts';
import { apiPodSource } from '../pod-source.ts';
import { formatTarget } from '../target.ts';
import { type ArchiveName, isSafeName } from './naming.ts';
import { type ArchiveFilter, findArchives, isEndOfAll, type NodeFailure } from './node-archives.ts';
import { findFile, type NodeFile } from './node-folder.ts';
import { type HelperSettings, NodeReader } from './node-reader.ts';
import { type CollectedArchive, type TransferOptions, transfer } from './transfer.ts';

export interface CollectSettings {
  readonly helper: HelperSettings;
  /** The kubelets' checkpoints folder on the nodes. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
}

export type Wanted =
  | { readonly kind: 'file'; readonly node: string; readonly path: string }
  | {
      readonly kind: 'newest' | 'all';
      /** Undefined: the pod's node, else every one. */
      readonly node: string | undefined;
      readonly filter: ArchiveFilter;
    };

/** An archive that was chosen. */
export interface Chosen {
  readonly node: string;
  readonly path: string;
  readonly size: number;
  readonly modified: string;
  /** Undefined for a file whose name no kubelet gave. */
  readonly name: ArchiveName | undefined;
}

export interface Collection {
  readonly collected: readonly CollectedArchive[];
  readonly failures: readonly NodeFailure[];
}

interface Source {
  readonly reader: NodeReader;
  readonly file: NodeFile;
  readonly name: ArchiveName | undefined;
}

/**
 * Chooses, hands what was chosen to `onChosen`, and brings it here unless that says no. Whatever happens, no helper pod
 * stays. Of several archives, one that cannot be had is told among the failures.
 */
export async function collect(
  access: ClusterAccess,
  wanted: Wanted,
  settings: CollectSettings,
  options: TransferOptions & { readonly onChosen: (chosen: readonly Chosen[]) => boolean },
): Promise<Collection> {
  const readers = new Map<string, NodeReader>();
  try {
    const { sources, failures } = await choose(access, wanted, settings, readers);
    if (!options.onChosen(sources.map(describe))) return { collected: [], failures };
    return await transferAll(sources, failures, options);
  } finally {
    await Promise.all([...readers.values()].map((reader) => reader.close()));
  }
}

async function choose(
  access: ClusterAccess,
  wanted: Wanted,
  settings: CollectSettings,
  readers: Map<string, NodeReader>,
): Promise<{ readonly sources: readonly Source[]; readonly failures: readonly NodeFailure[] }> {
  if (wanted.kind === 'file') {
    return { sources: [await chooseFile(access, wanted, settings, readers)], failures: [] };
  }
  const { nodes, containers } = await placesOf(access, wanted, settings);
  const filter = { ...wanted.filter, containers };
  const readerOf = (node: string) => openReader(access, { ...settings, node }, readers);
  const { archives, failures } = await findArchives(nodes, readerOf, filter, { keepOpen: true });
  const [failure] = failures;
  if (archives.length === 0 && nodes.length === 1 && failure !== undefined) throw failure.error;
  if (wanted.kind === 'all') return { sources: archives, failures };
  const newest = archives.at(-1);
  if (newest === undefined) throw noArchive(wanted.filter, nodes, failures, settings);
  return { sources: [newest], failures };
}

async function chooseFile(
  access: ClusterAccess,
  wanted: Wanted & { readonly kind: 'file' },
  settings: CollectSettings,
  readers: Map<string, NodeReader>,
): Promise<Source> {
  const full = path.posix.resolve(settings.folder, wanted.path);
  const [folder, name] = [path.posix.dirname(full), path.posix.basename(full)];
  if (!isSafeName(name)) throw new ExhibitError('UNSAFE_PATH', `"${wanted.path}" is no path of an archive`);
  await findNode(access.api, wanted.node);
  const reader = openReader(access, { ...settings, folder, node: wanted.node }, readers);
  const file = await findFile(reader, name);
  if (file !== undefined) return { reader, file, name: undefined };
  throw new ExhibitError('ARCHIVE_NOT_FOUND', `node ${wanted.node} has no file ${full}`, {
    help: [`what it has: exhibit list --nodes --node ${wanted.node}`],
  });
}

function openReader(
  access: ClusterAccess,
  options: CollectSettings & { readonly node: string },
  readers: Map<string, NodeReader>,
): NodeReader {
  const reader = new NodeReader(access.api, options);
  readers.set(options.node, reader);
  return reader;
}

interface Places {
  readonly nodes: readonly NodeStatus[];
  /** Of the pod that is there: they rule out what the names of archives leave open. */
  readonly containers?: readonly string[] | undefined;
}

/** The node that is named, the pod's own, or all of them. */
async function placesOf(
  access: ClusterAccess,
  { node, filter }: Wanted & { readonly kind: 'newest' | 'all' },
  { tell }: CollectSettings,
): Promise<Places> {
  if (node !== undefined) return { nodes: [await findNode(access.api, node)] };
  if (filter.target === undefined) return { nodes: (await listNodes(access.api)).filter(runsLinux) };
  const { namespace, pod } = filter.target;
  const found = await apiPodSource(access.api, access.origin).get(namespace, pod);
  if (found?.node !== undefined) {
    const containers = found.containers.map(({ name }) => name);
    return { nodes: [{ name: found.node, ready: true }], containers };
  }
  tell(`there is no pod ${namespace}/${pod} any more: looking for its archives on every node`);
  return { nodes: (await listNodes(access.api)).filter(runsLinux) };
}

function noArchive(
  { target }: ArchiveFilter,
  nodes: readonly NodeStatus[],
  failures: readonly NodeFailure[],
  { folder }: CollectSettings,
): ExhibitError {
  const of = target === undefined ? '' : ` of ${formatTarget(target)}`;
  const [only] = nodes;
  const where =
    nodes.length === 1 && only !== undefined ? `node ${only.name}` : `any of ${nodes.length} nodes`;
  const message = `there is no archive${of} in ${folder} on ${where}`;
  return new ExhibitError('ARCHIVE_NOT_FOUND', message, {
    help: [
      ...failures.map(({ node, error }) => `node ${node} could not be looked at: ${error.message}`),
      'what there is: exhibit list --nodes',
      ...(target ? [`take one: exhibit capture ${formatTarget(target)}`] : []),
    ],
  });
}

function describe({ reader, file, name }: Source): Chosen {
  const { size, modified } = file;
  return { node: reader.node, path: `${reader.folder}/${file.name}`, size, modified, name };
}

async function transferAll(
  sources: readonly Source[],
  earlier: readonly NodeFailure[],
  options: TransferOptions,
): Promise<Collection> {
  const collected: CollectedArchive[] = [];
  const failures = [...earlier];
  for (const [index, { reader, file }] of sources.entries()) {
    try {
      collected.push(await transfer(reader, file, options));
    } catch (error) {
      if (sources.length === 1 || !(error instanceof ExhibitError) || isEndOfAll(error)) throw error;
      failures.push({ node: reader.node, archive: file.name, error });
    }
    const isNeeded = sources.slice(index + 1).some((other) => other.reader === reader);
    if (!isNeeded) await reader.close();
  }
  return { collected, failures };
}
