/** The archives that lie on the nodes of a cluster, by their names: none of them is opened. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { findNode, listNodes, runsLinux } from '../cluster/nodes.ts';
import type { ClusterAccess } from '../kubeconfig.ts';
import type { PodSummary } from '../pod.ts';
import { apiPodSource } from '../pod-source.ts';
import type { CollectSettings } from './collect.ts';
import { type ArchiveName, likelyReadings, type NameReading } from './naming.ts';
import { findArchives, type NodeArchive, type NodeFailure } from './node-archives.ts';
import { NodeReader } from './node-reader.ts';

/** An element of `exhibit list --nodes --json`. */
export interface InventoryItem {
  readonly node: string;
  /** On the node. */
  readonly archive: string;
  readonly archive_size: number;
  /** By the node's clock; ISO 8601. */
  readonly file_modified: string;
  /** When the capture was asked for, by the name; ISO 8601. This and what follows is missing for other names. */
  readonly checkpointed_at?: string | undefined;
  readonly pod?: string | undefined;
  /** What the name can mean, less what pods that are there rule out; one, unless that is open. */
  readonly readings: readonly NameReading[];
}

export interface Inventory {
  /** Oldest first. */
  readonly items: readonly InventoryItem[];
  readonly failures: readonly NodeFailure[];
}

/** Looks at one node, or at all. Throws what is the same on every node, such as `API_FORBIDDEN`. */
export async function takeInventory(
  access: ClusterAccess,
  node: string | undefined,
  settings: CollectSettings,
): Promise<Inventory> {
  const nodes =
    node === undefined ? (await listNodes(access.api)).filter(runsLinux) : [await findNode(access.api, node)];
  const readerOf = (name: string) => new NodeReader(access.api, { ...settings, node: name });
  const { archives, failures } = await findArchives(nodes, readerOf, {}, { keepOpen: false });
  const isOpen = archives.some(({ name }) => (name?.readings.length ?? 1) > 1);
  const pods = isOpen ? await podsOf(access, settings) : [];
  return { items: archives.map((archive) => describe(archive, pods)), failures };
}

/** They only make an answer better: a user who may not list them gets every reading. */
async function podsOf(access: ClusterAccess, { tell }: CollectSettings): Promise<readonly PodSummary[]> {
  const pods = apiPodSource(access.api, access.origin).list({});
  return pods.catch((error: unknown) => {
    if (!(error instanceof ExhibitError)) throw error;
    tell(`note: what names leave open stays open: ${error.message}`);
    return [];
  });
}

function describe({ reader, file, name }: NodeArchive, pods: readonly PodSummary[]): InventoryItem {
  return {
    node: reader.node,
    archive: `${reader.folder}/${file.name}`,
    archive_size: file.size,
    file_modified: file.modified,
    checkpointed_at: name?.time,
    pod: name?.pod,
    readings: name === undefined ? [] : likelyReadings(name, (reading) => isThere(name, reading, pods)),
  };
}

function isThere({ pod }: ArchiveName, reading: NameReading, pods: readonly PodSummary[]): boolean {
  return pods.some(
    (each) =>
      each.pod === pod &&
      each.namespace === reading.namespace &&
      each.containers.some(({ name }) => name === reading.container),
  );
}
