/**
 * Has a pod store a file that lies in it. The URL goes there over the connection's standard input: arguments are in the API
 * server's audit log. What the pod tells are lines of JSON; a node under suspicion tells them.
 */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { record, text } from '../cluster/api-client.ts';
import { persist } from '../collect/persist.ts';
import type { UploadedFile, UploadTarget } from './upload-target.ts';

/** What the pod is sent, as one line. */
export interface UploadRequest extends UploadTarget, UploadedFile {}

/** What it tells, a line each; the last one is `stored` or `error`. */
export type UploadWord =
  | { readonly done: number }
  | { readonly note: string }
  | { readonly stored: true }
  | { readonly error: string; readonly help: readonly string[] };

export interface PodUploadOptions {
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
  readonly onProgress: (done: number) => void;
  /** Runs the pod's upload with this input. */
  readonly run: (input: string, onOutput: (bytes: Uint8Array) => void) => Promise<unknown>;
}

const MAX_LINE_LENGTH = 16_384;
const MAX_NOTES = 100;

/** Throws `UPLOAD_REFUSED` with what the pod tells, and what running a program in a pod throws. */
export async function uploadInPod(request: UploadRequest, options: PodUploadOptions): Promise<void> {
  const { signal, tell } = options;
  let notes = 0;
  await persist(
    async () => {
      let end: UploadWord | undefined;
      const lines = new Lines((line) => {
        const word = readWord(line);
        if ('done' in word) options.onProgress(word.done);
        else if (!('note' in word)) end = word;
        else if (++notes <= MAX_NOTES) tell(word.note);
      });
      await options.run(`${JSON.stringify(request)}\n`, (bytes) => lines.take(bytes));
      if (end === undefined)
        throw new ExhibitError('COLLECT_STREAM_CUT', 'the pod did not tell how its upload ended');
      if ('error' in end) throw new ExhibitError('UPLOAD_REFUSED', end.error, { help: end.help });
    },
    { signal, onRetry: ({ message }, pause) => tell(`${message}; uploading again in ${pause / 1000} s`) },
  );
}

class Lines {
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(bytes: Uint8Array): void {
    const lines = (this.#rest + Buffer.from(bytes).toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
    if (this.#rest.length <= MAX_LINE_LENGTH) return;
    throw new ExhibitError(
      'LIMIT_EXCEEDED',
      `the capture pod tells a line of more than ${MAX_LINE_LENGTH} characters`,
    );
  }
}

function readWord(line: string): UploadWord {
  const word = parse(line);
  if (typeof word.done === 'number') return { done: word.done };
  const note = text(word.note);
  if (note !== undefined) return { note };
  if (word.stored === true) return { stored: true };
  return {
    error: text(word.error) ?? 'the pod tells nothing that can be read of its upload',
    help: textsIn(word.help),
  };
}

const MAX_HELP = 10;

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.slice(0, MAX_HELP).flatMap((each) => text(each) ?? []) : [];
}

function parse(line: string) {
  try {
    return record(JSON.parse(line));
  } catch {
    return record(undefined);
  }
}
