/**
 * Files that are removed and still open or running: CRIU copies each into the images ("ghost file") up to the size that
 * ghost-limit allows, and refuses above it. It counts the blocks on disk (criu/files-reg.c, dump_ghost_remap).
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { mapBounded } from './bounded-read.ts';
import { type Check, describeHolder, heldDescriptors } from './container-look.ts';
import { addLines, type CriuOptions } from './criu-options.ts';
import { clipEvidence } from './obstacle.ts';
import { describeProcess } from './process-look.ts';

/** criu(8), --ghost-limit; also the source of the suffixes. */
const DEFAULT_LIMIT_BYTES = 1024 * 1024;
const SUFFIXES: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A unit of `st_blocks`, stat(2). */
const BLOCK_BYTES = 512;

/** Memory with a name, not a file on a disk: CRIU dumps it in a way of its own. */
const MEMORY = /^\/(?:memfd:|dev\/zero|SYSV|\[aio\])/;

export const checkDeletedFiles: Check = async (look, root) => {
  const limit = ghostLimit(look.options);
  const large = (await mapBounded(candidates(look, root), measure)).filter(({ bytes }) => bytes > limit);
  if (large.length === 0) return [];
  const needed = Math.max(...large.map(({ bytes }) => bytes));
  return [
    {
      id: 'deleted-file',
      certainty: 'refusal',
      what: `a process holds a deleted file of more than ${limit} bytes, which is all that CRIU copies of one`,
      evidence: clipEvidence(large.map(({ where, bytes }) => `${where}: ${bytes} bytes`)),
      cure: ['on the node, as root:', addLines(look.options, [`ghost-limit ${roundUp(needed)}`])],
    },
  ];
};

interface Candidate {
  /** A link to the file itself. */
  readonly link: string;
  readonly where: string;
}

function candidates(look: Parameters<Check>[0], root: string): readonly Candidate[] {
  const open = heldDescriptors(look).map((holder) => ({
    target: holder.descriptor.link,
    link: path.join(root, 'proc', `${holder.process.pid}`, 'fd', `${holder.descriptor.fd}`),
    where: `${describeHolder(holder)}: ${holder.descriptor.link}`,
  }));
  const running = look.processes.map((process) => ({
    target: process.executable ?? '',
    link: path.join(root, 'proc', `${process.pid}`, 'exe'),
    where: `the program of ${describeProcess(process)}: ${process.executable}`,
  }));
  return [...open, ...running].filter(
    ({ target }) => target.startsWith('/') && target.endsWith(' (deleted)') && !MEMORY.test(target),
  );
}

async function measure({
  link,
  where,
}: Candidate): Promise<{ readonly where: string; readonly bytes: number }> {
  const status = await stat(link).catch(() => undefined);
  // With a name left (a hard link), it is no ghost.
  const bytes = status?.isFile() && status.nlink === 0 ? status.blocks * BLOCK_BYTES : 0;
  return { where, bytes };
}

/** The last one counts; what cannot be read leaves the default. */
function ghostLimit({ values }: CriuOptions): number {
  const [, digits, suffix = ''] = /^(\d{1,15})([KMG]?)$/.exec(values.get('ghost-limit')?.at(-1) ?? '') ?? [];
  return digits === undefined ? DEFAULT_LIMIT_BYTES : Number(digits) * (SUFFIXES[suffix] ?? 1);
}

/** To a power of two: the file may grow until the capture. */
const roundUp = (bytes: number): number => 2 ** Math.ceil(Math.log2(bytes + 1));
