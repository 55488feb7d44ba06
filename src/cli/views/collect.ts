import type { Chosen } from '../../capture/collect/collect.ts';
import type { NodeFailure } from '../../capture/collect/node-archives.ts';
import type { CollectedArchive, TransferProgress } from '../../capture/collect/transfer.ts';
import { type CaptureTarget, formatTarget } from '../../capture/target.ts';
import { type ArchiveIdentity, formatIdentity } from '../archive-identity.ts';
import type { Io } from '../io.ts';
import { escapeText } from '../terminal/escape.ts';
import { formatBytes, formatCount, formatTime } from '../terminal/format.ts';
import { startProgress } from '../terminal/progress.ts';

export interface CollectWatch {
  readonly tell: (text: string) => void;
  readonly onProgress: (progress: TransferProgress) => void;
  readonly end: () => void;
}

/** A rate over less time than this (milliseconds) says nothing. */
const RATE_PERIOD = 500;

/** Says on stderr what is being done, and how far and how fast. */
export function watchCollect(io: Io): CollectWatch {
  const progress = startProgress(io);
  let start: { readonly name: string; readonly done: number; readonly time: number } | undefined;
  const tell = (text: string): void => {
    progress.end();
    io.err(`${escapeText(text)}\n`);
  };
  return {
    tell,
    end: () => progress.end(),
    onProgress: ({ name, stage, done, total }) => {
      if (start?.name !== name) {
        start = { name, done, time: Date.now() };
        if (!io.interactive) tell(`copying ${name}, ${formatBytes(total)}`);
      }
      const elapsed = Date.now() - start.time;
      const rate = elapsed < RATE_PERIOD ? '' : `, ${formatBytes(((done - start.done) * 1000) / elapsed)}/s`;
      const far = `${formatBytes(done)} of ${formatBytes(total)}${rate}`;
      progress.update(stage === 'hashing' ? `hashing on both sides: ${name}` : `${far}: ${name}`);
    },
  };
}

export interface IdentifiedArchive extends CollectedArchive {
  readonly content: ArchiveIdentity;
}

export function collectedLines(archive: IdentifiedArchive): string {
  const { file, size, sha256, node, path, status, resumed_from, seconds, content } = archive;
  const how = status === 'already-here' ? 'unchanged' : 'collected';
  const resumed = resumed_from === 0 ? '' : `, of which ${formatBytes(resumed_from)} were here already`;
  return lines([
    `${how.padEnd(12)}${file}`,
    `of          ${formatIdentity(content)}`,
    `from        ${path} on node ${node}, in ${seconds.toFixed(1)} s`,
    `size        ${formatBytes(size)} (${size} bytes)${resumed}`,
    `sha256      ${sha256}, there and here`,
  ]);
}

export function chosenLines(chosen: readonly Chosen[]): string {
  const total = chosen.reduce((sum, { size }) => sum + size, 0);
  return lines([
    ...chosen.map(
      ({ node, path, size, modified }) =>
        `${formatTime(modified)}  ${formatBytes(size).padStart(10)}  ${node}  ${path}`,
    ),
    `${formatCount(chosen.length, 'archive')}, ${formatBytes(total)}; nothing was collected (--dry-run)`,
  ]);
}

/** Names can mean several containers: the content said that this was not the wanted one. */
export function otherLines(
  { file }: CollectedArchive,
  content: ArchiveIdentity,
  target: CaptureTarget,
): string {
  return lines([
    `exhibit: warning: ${file} is of ${formatIdentity(content)}, not of ${formatTarget(target)}: its name can mean both`,
    '  an older one may be the right one: add --all, and --dry-run to see which there are',
  ]);
}

/** What an archive's name leaves open, for the user to look into. */
export function ambiguityLines(chosen: readonly Chosen[]): string {
  return lines(
    chosen.flatMap(({ name, path }) =>
      name === undefined || name.readings.length === 1
        ? []
        : [
            `note: the name ${path} can be of ${name.readings
              .map(({ namespace, container }) => `${namespace}/${name.pod}/${container}`)
              .join(' or ')}; "exhibit show" tells which, from its content`,
          ],
    ),
  );
}

export function failureLines(failures: readonly NodeFailure[]): string {
  return lines(
    failures.flatMap(({ node, archive, error }) => [
      `exhibit: node ${node}${archive === undefined ? '' : `, ${archive}`}: ${error.message}`,
      ...error.help.map((line) => `  ${line}`),
    ]),
  );
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${escapeText(text)}\n`).join('');
}
