/** Stores an archive that lies on this machine: one PUT, repeated after what passes, since the same bytes are put again. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { persist } from '../collect/persist.ts';
import { type PutOptions, putFile } from './put-file.ts';
import { shownUrl, type UploadedFile, type UploadTarget } from './upload-target.ts';

/** What became of an upload. */
export type UploadOutcome =
  /** `to` without the URL's query. */
  | ({ readonly to: string; readonly failed?: undefined } & UploadedFile)
  | { readonly to: string; readonly failed: string; readonly help: readonly string[] };

export interface UploadWish {
  readonly target: UploadTarget;
  /** Whether the archive also stays where it would be without an upload; it does where that fails. */
  readonly keeps: boolean;
}

const MEBIBYTE = 2 ** 20;

/** How far it is, for the user. */
export const uploadStage = (done: number, total: number): string =>
  `it runs again: ${Math.floor(done / MEBIBYTE)} of ${Math.ceil(total / MEBIBYTE)} MiB of the archive are stored`;

export interface UploadOptions extends PutOptions {
  /** For the user. */
  readonly tell: (text: string) => void;
}

/** Throws what `putFile` throws when patience ends. */
export async function uploadArchive(
  file: string,
  target: UploadTarget,
  options: UploadOptions,
): Promise<void> {
  await persist(() => putFile(file, target, options), {
    signal: options.signal,
    onRetry: ({ message }, pause) => options.tell(`${message}; trying again in ${pause / 1000} s`),
  });
}

/** An upload that fails is no failure of the capture: the archive is kept. Throws what is no error of ours, and the signal's reason. */
export async function attemptUpload(
  { url }: UploadTarget,
  file: UploadedFile,
  upload: () => Promise<void>,
): Promise<UploadOutcome> {
  const to = shownUrl(url);
  try {
    await upload();
    return { to, size: file.size, sha256: file.sha256 };
  } catch (error) {
    if (!(error instanceof ExhibitError) || error.code === 'CAPTURE_INTERRUPTED') throw error;
    return { to, failed: error.message, help: error.help };
  }
}
