import { resolve } from 'node:path';
import { openArchive } from '../archive/open-archive.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { openFileSource } from '../bytes/file-source.ts';
import { fileSpills } from '../bytes/file-spill.ts';
import type { Note } from '../bytes/note.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpoint } from '../checkpoint/open-checkpoint.ts';
import { ExitCode, type Io } from './io.ts';
import { escapeText } from './terminal/escape.ts';
import { formatBytes } from './terminal/format.ts';
import { startProgress } from './terminal/progress.ts';

type CheckpointAction = (checkpoint: Checkpoint) => Promise<void>;

/** More warnings than this say nothing new; the JSON outputs have all of them. */
const MAX_WARNINGS = 20;

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
    const code = await withCheckpoint(path, io, action).catch((error: unknown) => tellError(path, error, io));
    if (code === ExitCode.failed || worst === ExitCode.done) worst = code;
  }
  return worst;
}

/** Opens, acts, closes; tells nothing. Progress is shown while a compressed archive is unpacked. */
export async function useCheckpoint(path: string, io: Io, action: CheckpointAction): Promise<void> {
  const source = await openFileSource(resolve(io.workingDirectory, path));
  const progress = startProgress(io);
  try {
    const archive = await openArchive(source, {
      spill: fileSpills(io.environment.TMPDIR),
      onProgress: (read) =>
        progress.update(`unpacking ${path}: ${formatBytes(read)} of ${formatBytes(source.size)}`),
    });
    progress.end();
    try {
      await action(await openCheckpoint(path, archive));
    } finally {
      await archive.close();
    }
  } finally {
    progress.end();
    await source.close();
  }
}

function tellError(path: string, error: unknown, io: Io): ExitCode {
  if (!(error instanceof ExhibitError)) throw error;
  const about = error.message.includes(path) ? '' : `${path}: `;
  io.err(`exhibit: ${escapeText(about + error.message)}\n`);
  for (const line of error.help) io.err(`  ${escapeText(line)}\n`);
  return ExitCode.failed;
}

function tellWarnings(path: string, notes: readonly Note[], io: Io): ExitCode {
  const warnings = notes.filter(({ severity }) => severity === 'warning');
  for (const { message, entry, offset } of warnings.slice(0, MAX_WARNINGS)) {
    const place =
      entry === undefined ? path : `${path}, ${entry}${offset === undefined ? '' : ` at byte ${offset}`}`;
    io.err(`exhibit: warning: ${escapeText(message)} (${escapeText(place)})\n`);
  }
  if (warnings.length > MAX_WARNINGS) {
    io.err(`exhibit: warning: and ${warnings.length - MAX_WARNINGS} more; --json lists them all\n`);
  }
  return warnings.length > 0 ? ExitCode.damaged : ExitCode.done;
}
