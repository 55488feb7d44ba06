import type { ArchiveIndex } from '../archive/archive-index.ts';
import type { InspectedLog } from './inspection-shape.ts';

/** Where the engines put the container's own output: containerd, Podman, CRI-O. */
const LOG_ENTRIES = ['container.log', 'ctr.log', 'io.kubernetes.cri-o.LogPath'];

/** The end of a log is what a reader looks at first; more than this (bytes) is `exhibit extract`'s business. */
const TAIL_LENGTH = 64 * 1024;
const TAIL_LINES = 20;

/** The last lines of the container's log; undefined when the archive has none. */
export async function readLogTail(archive: ArchiveIndex): Promise<InspectedLog | undefined> {
  const entry = LOG_ENTRIES.map((path) => archive.find(path)).find((found) => found?.type === 'file');
  if (!entry) return undefined;
  const source = archive.open(entry);
  const start = Math.max(0, source.size - TAIL_LENGTH);
  const text = new TextDecoder().decode(await source.read(start, source.size - start));
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (start > 0) lines.shift();
  return { entry: entry.path, size: source.size, tail: lines.slice(-TAIL_LINES) };
}
