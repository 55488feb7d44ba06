/** Options of a capture that goes to a store. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { UploadWish } from '../capture/upload/upload-archive.ts';
import { parseUploadUrl } from '../capture/upload/upload-target.ts';
import type { Io } from './io.ts';
import { asArgument } from './target-argument.ts';

/** What `addUploadOptions` adds, as commander parses it. */
export interface UploadFlags {
  readonly upload?: string;
  readonly uploadCa?: string;
  readonly outputDir?: string;
  readonly keepOnNode?: true;
}

export function addUploadOptions(command: Command): Command {
  return command
    .option(
      '--upload <url>',
      'with node: PUT the archive there from the node (a presigned URL of S3, Google or Azure), and keep it nowhere else unless --output-dir or --keep-on-node says so. Others on this machine can see a URL in arguments: @FILE reads it from a file',
    )
    .option('--upload-ca <file>', "CA to verify the store's certificate with (PEM)");
}

/** Undefined where nothing is to be uploaded. */
export async function uploadWish(
  { upload, uploadCa, outputDir, keepOnNode }: UploadFlags,
  command: Command,
  io: Io,
): Promise<UploadWish | undefined> {
  if (upload === undefined) {
    if (uploadCa !== undefined) command.error('error: --upload-ca needs --upload');
    return undefined;
  }
  const text = upload.startsWith('@') ? await readText(upload.slice(1), io) : upload;
  const url = asArgument(command, () => parseUploadUrl(text));
  const ca = uploadCa === undefined ? undefined : await readText(uploadCa, io);
  return { target: { url, ca }, keeps: outputDir !== undefined || keepOnNode === true };
}

async function readText(file: string, io: Io): Promise<string> {
  try {
    return await readFile(path.resolve(io.workingDirectory, file), 'utf8');
  } catch (cause) {
    throw new ExhibitError('FILE_UNREADABLE', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
