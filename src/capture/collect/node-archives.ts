/** The archives that lie on nodes, found through a helper pod on each. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { NodeStatus } from '../cluster/nodes.ts';
import type { CaptureTarget } from '../target.ts';
import { type ArchiveName, canBeOf, isArchiveName, readArchiveName } from './naming.ts';
import { listFiles, type NodeFile } from './node-folder.ts';
import type { NodeReader } from './node-reader.ts';

export interface NodeArchive {
  readonly reader: NodeReader;
  readonly file: NodeFile;
  /** Undefined for a name that no kubelet gave. */
  readonly name: ArchiveName | undefined;
}

export interface NodeFailure {
  readonly node: string;
  /** Its name on the node; undefined where the whole node failed. */
  readonly archive?: string | undefined;
  readonly error: ExhibitError;
}

export interface ArchiveFilter {
  readonly target?: CaptureTarget | undefined;
  /** The target's containers where they are known: a name is not read as one of another. */
  readonly containers?: readonly string[] | undefined;
  /** Milliseconds since 1970: written before, written after. */
  readonly before?: number | undefined;
  readonly after?: number | undefined;
}

export interface FoundArchives {
  /** Oldest first. */
  readonly archives: readonly NodeArchive[];
  readonly failures: readonly NodeFailure[];
}

/** Nodes that are looked at at once: each costs the API server a pod, a dozen requests and a stream. */
const CONCURRENCY = 4;

/**
 * Looks at every node; one that cannot be looked at does not keep the others from it. The readers of nodes that have
 * what is wanted stay open, for `keepOpen`.
 */
export async function findArchives(
  nodes: readonly NodeStatus[],
  readerOf: (node: string) => NodeReader,
  filter: ArchiveFilter,
  { keepOpen }: { readonly keepOpen: boolean },
): Promise<FoundArchives> {
  const archives: NodeArchive[] = [];
  const failures: NodeFailure[] = [];
  const queue = [...nodes];
  const worker = async (): Promise<void> => {
    for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
      const reader = readerOf(node.name);
      try {
        const found = await lookAt(node, reader, filter);
        archives.push(...found);
        if (!keepOpen || found.length === 0) await reader.close();
      } catch (error) {
        await reader.close();
        if (!(error instanceof ExhibitError) || isEndOfAll(error)) {
          queue.length = 0;
          throw error;
        }
        failures.push({ node: node.name, error });
      }
    }
  };
  // All of them have to end before anything is told: each may have a pod to remove.
  const ends = await Promise.allSettled(Array.from({ length: CONCURRENCY }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  archives.sort((a, b) => compare(a.file.modified, b.file.modified) || compare(a.file.name, b.file.name));
  return { archives, failures };
}

/** What ends the work on all nodes: it would be the same on each, or the user wants it. */
export function isEndOfAll({ code }: ExhibitError): boolean {
  return (
    code === 'COLLECT_INTERRUPTED' ||
    code === 'HELPER_POD_REFUSED' ||
    code === 'API_FORBIDDEN' ||
    code === 'API_UNAUTHORIZED' ||
    code === 'WRITE_FAILED'
  );
}

async function lookAt(
  { name, ready }: NodeStatus,
  reader: NodeReader,
  filter: ArchiveFilter,
): Promise<readonly NodeArchive[]> {
  if (!ready) throw new ExhibitError('HELPER_POD_FAILED', `node ${name} is not ready: no pod runs there now`);
  try {
    await reader.open();
  } catch (error) {
    // No folder: nothing was ever captured there.
    if (error instanceof ExhibitError && error.code === 'ARCHIVE_NOT_FOUND') return [];
    throw error;
  }
  const files = await listFiles(reader);
  return files.flatMap((file) => (isWanted(file, filter) ? asArchive(reader, file, filter) : []));
}

function isWanted({ name, modified }: NodeFile, { before, after }: ArchiveFilter): boolean {
  const time = Date.parse(modified);
  return isArchiveName(name) && time < (before ?? Number.POSITIVE_INFINITY) && time > (after ?? 0);
}

function asArchive(
  reader: NodeReader,
  file: NodeFile,
  { target, containers }: ArchiveFilter,
): readonly NodeArchive[] {
  const name = readArchiveName(file.name);
  if (target !== undefined && (name === undefined || !canBeOf(name, target, containers))) return [];
  return [{ reader, file, name }];
}

const compare = (a: string, b: string): number => Number(a > b) - Number(a < b);
