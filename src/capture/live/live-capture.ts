/**
 * A capture without CRIU: the container's processes are read through the node's /proc while its control group is frozen, and
 * written as CRIU's images into an archive of containerd's layout. docs/decisions/021-live-capture.md says why, and in which
 * order things are done.
 */
import type { CaptureRecord } from '../../archive/capture-record.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { ArchiveFile } from './archive-file.ts';
import { copyHeld, type HeldCopy, type HoldOptions } from './held-copy.ts';
import { estimateOwnFreeze, seconds } from './live-choice.ts';
import { readText } from './look/proc-reader.ts';
import { ensureReadable, findMembers } from './members.ts';
import { parseStatus, statusNumbers } from './proc/status.ts';
import type { CaptureFacts } from './record-of.ts';
import { type LiveSubject, writeRest } from './rest.ts';

export interface LiveResult {
  readonly record: CaptureRecord;
  /** Of memory that was copied. */
  readonly bytes: number;
}

/** Writes the archive `file`. Nothing is left of it when this rejects, and the container runs as it did before. */
export async function captureLive(
  subject: LiveSubject,
  file: string,
  options: HoldOptions,
): Promise<LiveResult> {
  const started = new Date();
  options.onPhase?.({ name: 'preparing' });
  const pids = findMembers(subject.id);
  const [first] = pids;
  if (first === undefined) throw notHere(subject.id);
  ensureReadable(first);
  const size = sizeOf(pids);
  if (options.freeze) ensureBrief(size, options.maxFreeze);
  const archive = await ArchiveFile.create(file, started);
  let copy: HeldCopy | undefined;
  try {
    copy = await copyHeld({ id: subject.id, pids, size }, archive, options);
    options.onPhase?.({ name: 'thawed' });
    const companion = await options.onThawed?.(thawedAt(copy));
    options.onPhase?.({ name: 'files' });
    const facts: CaptureFacts = {
      subject: subject.recorded,
      consistency: options.freeze ? 'frozen' : 'running',
      started: started.toISOString(),
      standstill: copy.standstill,
      all_pages: options.allPages,
      companion,
    };
    const record = await writeRest(archive, copy, subject, facts, options.signal);
    await archive.finish();
    return { record, bytes: copy.plan.bytes };
  } catch (error) {
    await archive.abandon();
    throw error;
  } finally {
    copy?.deleted.close();
  }
}

/** Throws `FREEZE_TOO_LONG` while nothing has been touched. */
function ensureBrief(bytes: number, maxFreeze: number): void {
  const expected = estimateOwnFreeze(bytes);
  if (expected <= maxFreeze) return;
  const mebibytes = Math.ceil(bytes / 2 ** 20);
  const message = `to copy its ${mebibytes} MiB of memory, the container would stand still for about ${seconds(expected)}, and ${seconds(maxFreeze)} are allowed`;
  throw new ExhibitError('FREEZE_TOO_LONG', `${message}; nothing was touched`, {
    help: ['--max-freeze TIME allows more', '--no-freeze copies it as it runs'],
  });
}

/** Milliseconds since 1970. */
const thawedAt = ({ standstill }: HeldCopy): number =>
  standstill === undefined ? Date.now() : Number(BigInt(standstill.until) / 1_000_000n);

const notHere = (id: string): ExhibitError =>
  new ExhibitError('CONTAINER_NOT_FOUND', `container ${id} does not run on this machine`);

/** What the processes have of their own, in memory and swap: about as much as is copied. Bytes. */
function sizeOf(pids: readonly number[]): number {
  const sizes = pids.map((pid) => {
    const status = parseStatus(readText(`/proc/${pid}/status`));
    const [anonymous = 0] = statusNumbers(status, 'RssAnon');
    const [swapped = 0] = statusNumbers(status, 'VmSwap');
    return (anonymous + swapped) * 1024;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}
