/** What is written once the container runs again: images, files of the container, and the record that tells of it all. */
import { CAPTURE_RECORD, type CaptureRecord, type RecordedSubject } from '../../archive/capture-record.ts';
import { imageKinds } from '../../criu/image-kinds.ts';
import { writeImage } from '../../criu/write-image.ts';
import type { ArchiveFile } from './archive-file.ts';
import { type ContentSubject, liveContent } from './content/live-content.ts';
import { NODE_ROOT } from './content/node-path.ts';
import { buildFileImages } from './files/file-images.ts';
import type { HeldCopy } from './held-copy.ts';
import { pagemapImages } from './memory/pagemap-images.ts';
import { type CaptureFacts, recordOf } from './record-of.ts';
import { buildTaskImages } from './tasks/task-images.ts';

/** What is captured, and what is known of it beforehand. */
export interface LiveSubject {
  /** The runtime's id of the container. */
  readonly id: string;
  readonly recorded: RecordedSubject;
  readonly known: ContentSubject['known'];
  readonly logOwner?: ContentSubject['logOwner'];
}

/** Writes it, and returns the record. Throws `WRITE_FAILED`. */
export async function writeRest(
  archive: ArchiveFile,
  copy: HeldCopy,
  subject: LiveSubject,
  facts: CaptureFacts,
  signal?: AbortSignal,
): Promise<CaptureRecord> {
  const { container, mappings, plan, copied, answers, deleted } = copy;
  const files = buildFileImages(container, mappings, deleted, answers);
  const tasks = buildTaskImages(container, {
    mappings,
    table: files.table,
    registers: copy.registers?.threads ?? new Map(),
    answers,
  });
  await archive.writePagesHeaders();
  for (const { name, bytes } of [...tasks.images, ...files.images, ...pagemapImages(plan)]) {
    signal?.throwIfAborted();
    await archive.add(`checkpoint/${name}`, bytes);
  }
  await archive.add('stats-dump', statsOf(copy));
  const gaps: string[] = [
    ...container.gaps,
    ...plan.gaps,
    ...files.gaps,
    ...tasks.gaps,
    ...(copy.registers?.gaps ?? []),
  ];
  const { id, known, logOwner } = subject;
  const captured = new Date(facts.started);
  const content = liveContent({
    container,
    known: { id, ...known },
    logOwner,
    captured,
    nodeRoot: NODE_ROOT,
  });
  for (const item of [...files.contents, ...content.items]) {
    signal?.throwIfAborted();
    await archive.addPieces(item.path, item.chunks());
  }
  // Complete only now: what could not be read of the contents was found out by reading them.
  gaps.push(...content.gaps);
  if (copied.unlisted > 0) gaps.push(`${copied.unlisted} more ranges of memory could not be read`);
  const record = recordOf(facts, {
    container,
    beside: files.beside,
    gaps,
    unreadable: copied.unreadable,
    hasRegisters: copy.registers !== undefined,
    hasWaiting: answers.waiting.isKnown,
  });
  await archive.add(CAPTURE_RECORD, new TextEncoder().encode(JSON.stringify(record)));
  return record;
}

/** CRIU's statistics of a dump, as far as this was one. Times are microseconds, of 32 bits. */
function statsOf({ plan, standstill }: HeldCopy): Uint8Array {
  const frozen = standstill === undefined ? 0n : BigInt(standstill.until) - BigInt(standstill.from);
  const pages = BigInt(plan.bytes / plan.pageSize);
  const dump = {
    freezing_time: 0,
    frozen_time: Number(BigInt.asUintN(32, frozen / 1000n)),
    memdump_time: 0,
    memwrite_time: 0,
    pages_scanned: pages,
    pages_skipped_parent: 0n,
    pages_written: pages,
    pages_lazy: 0n,
  };
  return writeImage(imageKinds.stats, [{ message: { dump } }]);
}
