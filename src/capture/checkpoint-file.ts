/** The archive's file, where we and not the kubelet say what it is called. */
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';

/** The kubelet's own, below its default root directory: one place for what collects archives to look in. */
export const CHECKPOINTS_FOLDER = '/var/lib/kubelet/checkpoints';

/** NAME_MAX: the longest name that Linux' file systems take, in bytes; names of pods and containers are ASCII. */
const MAX_NAME_LENGTH = 255;

/**
 * Where an archive goes. `label` says of what it is. Named as the kubelet names its archives, but for the time: to the
 * millisecond, in UTC and without `:`.
 */
export function checkpointPath(label: string, time: Date, folder: string): string {
  const ending = `-${time.toISOString().replaceAll(/[-:]/g, '')}.tar`;
  return path.join(folder, `checkpoint-${label}`.slice(0, MAX_NAME_LENGTH - ending.length) + ending);
}

/** How an archive of ours is called, behind its label, before it is whole. */
const UNFINISHED = /-\d{8}T[\d.]+Z\.tar\.part$/;

/** Whether a file's name is that of an archive of ours which is not whole yet, or whose capture was killed. */
export const isUnfinished = (name: string): boolean =>
  name.startsWith('checkpoint-') && UNFINISHED.test(name);

/**
 * Makes a new, empty file, readable by its owner only, and returns its path. New, because runtimes write over an old file
 * without cutting off what is left of it. Throws `WRITE_FAILED`.
 */
export async function createCheckpointFile(
  label: string,
  time: Date,
  folder = CHECKPOINTS_FOLDER,
): Promise<string> {
  const file = checkpointPath(label, time, folder);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await (await open(file, 'wx', 0o600)).close();
    return file;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ExhibitError('WRITE_FAILED', `cannot make a file for the archive: ${why}`, {
      source: file,
      cause,
    });
  }
}
