import { resolve } from 'node:path';
import type { ArchiveIndex } from '../archive/archive-index.ts';
import { openArchive } from '../archive/open-archive.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { openFileSource } from '../bytes/file-source.ts';
import { nodeUnpacking } from '../bytes/node-unpacking.ts';
import type { Note } from '../bytes/note.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpoint } from '../checkpoint/open-checkpoint.ts';
import { ExitCode, type Io } from './io.ts';
import { tellError, tellWarnings } from './report.ts';
import { formatBytes } from './terminal/format.ts';
import { startProgress } from './terminal/progress.ts';

type CheckpointAction = (checkpoint: Checkpoint) => Promise<void>;

/**
 * Opens the archive at `path`, lets `action` read it, and closes it. Afterwards the warnings of all that was read are
 * told on stderr; then the exit code is `damaged`. Throws ExhibitError when the archive cannot be read at all.
 */
export async function withCheckpoint(path: string, io: Io, action: CheckpointAction): Promise<ExitCode> {
  let notes: readonly Note[] = [];
  await useCheckpoint(path, io, async (checkpoint) => {
    try {
      await action(checkpoint);
    } finally {
      notes = checkpoint.notes();
    }
  });
  return tellWarnings(path, notes, io);
}

/** `withCheckpoint` for each path. One that cannot be read is told on stderr and does not keep the others from being read. */
export async function forEachCheckpoint(
  paths: readonly string[],
  io: Io,
  action: CheckpointAction,
): Promise<ExitCode> {
  let worst: ExitCode = ExitCode.done;
  for (const path of paths) {
    const code = await withCheckpoint(path, io, action).catch((error: unknown) => {
      if (!(error instanceof ExhibitError)) throw error;
      return tellError(error, io, path);
    });
    if (code === ExitCode.failed || worst === ExitCode.done) worst = code;
  }
  return worst;
}

/** Opens, acts, closes; tells nothing but the progress while a compressed archive is unpacked. */
export async function useCheckpoint(path: string, io: Io, action: CheckpointAction): Promise<void> {
  const source = await openFileSource(resolve(io.workingDirectory, path));
  try {
    const archive = await openArchiveOf(path, source, io);
    try {
      await action(await openCheckpoint(path, archive));
    } finally {
      await archive.close();
    }
  } finally {
    await source.close();
  }
}

/** Indexes the archive in an open file, which messages call `path`. */
export async function openArchiveOf(path: string, source: ByteSource, io: Io): Promise<ArchiveIndex> {
  const progress = startProgress(io);
  try {
    return await openArchive(source, {
      ...nodeUnpacking(io.environment),
      onProgress: (read) =>
        progress.update(`unpacking ${path}: ${formatBytes(read)} of ${formatBytes(source.size)}`),
    });
  } catch (error) {
    if (!(error instanceof ExhibitError) || error.code !== 'NOT_AN_ARCHIVE') throw error;
    throw new ExhibitError(error.code, error.message, { source: path, cause: error });
  } finally {
    progress.end();
  }
}
