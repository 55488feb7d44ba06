/** Follows what the capture in a pod says, over as many connections as it takes. */
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import type { HelperSession } from '../../collect/helper-session.ts';
import { persist } from '../../collect/persist.ts';
import { NODE_PROGRAM, POD_PROGRAM } from './capture-manifest.ts';
import { MAX_REPORT_BYTES, type PodArchive, readPodEnd } from './pod-end.ts';

/** A capture says some ten lines. */
const MAX_SAID_BYTES = 1024 * 1024;
/** Its last words are among these. */
const MAX_KEPT_LENGTH = 8192;
const MAX_LINE_LENGTH = 1000;

export interface PodWatchOptions {
  readonly signal: AbortSignal;
  /** A whole line, not yet escaped. */
  readonly onLine: (line: string) => void;
  readonly tell: (text: string) => void;
}

/** Resolves when the capture has ended. Throws `LIVE_CAPTURE_FAILED`, and what running a program in a pod throws. */
export async function watchPodCapture(
  session: HelperSession,
  { signal, onLine, tell }: PodWatchOptions,
): Promise<PodArchive> {
  const words = new PodWords(onLine);
  await persist(
    async () => {
      words.beginAgain();
      const argv = [NODE_PROGRAM, POD_PROGRAM, 'watch', `${words.received}`];
      await runInSamePod(session, argv, (bytes) => words.take(bytes));
      if (!words.isWhole) throw cut();
    },
    {
      signal,
      progress: () => words.received,
      onRetry: ({ message }, pause) =>
        tell(`${message}; the capture goes on, asking again in ${pause / 1000} s`),
    },
  );
  return readPodEnd(words.end, words.said);
}

/** As `HelperSession.run`, which would make another pod where this one is gone, and so begin another capture. */
export async function runInSamePod(
  session: HelperSession,
  argv: readonly string[],
  onOutput: (bytes: Uint8Array) => Promise<void> | void,
  input?: string,
) {
  if (session.isOpen) return session.run(argv, onOutput, input);
  const message = 'the capture pod is gone, and what it had captured with it';
  const help = [
    'The container runs. To keep the archive on the node whatever becomes of the pod: --keep-on-node',
  ];
  throw new ExhibitError('HELPER_POD_FAILED', message, { help });
}

const cut = (): ExhibitError =>
  new ExhibitError('COLLECT_STREAM_CUT', 'the stream from the capture pod ended before its capture did');

/** Lines, and after a zero byte the end. Bytes that come after a cut go on where the last whole line ended. */
class PodWords {
  readonly #onLine: (line: string) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #received = 0;
  #said = '';
  #end: Buffer | undefined;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Bytes of whole lines. */
  get received(): number {
    return this.#received;
  }

  get said(): string {
    return this.#said;
  }

  get end(): string {
    return this.#end?.toString() ?? '';
  }

  get isWhole(): boolean {
    return this.end.endsWith('}');
  }

  take(bytes: Uint8Array): void {
    if (this.#end !== undefined) this.#end = limited(this.#end, bytes, 2 * MAX_REPORT_BYTES);
    else this.#takeLines(limited(this.#bytes, bytes, MAX_SAID_BYTES - this.#received));
  }

  /** A connection that was cut: what it brought of a line comes again. */
  beginAgain(): void {
    this.#bytes = Buffer.alloc(0);
    this.#end = undefined;
  }

  #takeLines(bytes: Buffer): void {
    const zero = bytes.indexOf(0);
    const lines = zero < 0 ? bytes.subarray(0, bytes.lastIndexOf('\n') + 1) : bytes.subarray(0, zero);
    const text = lines.toString();
    this.#received += lines.length;
    this.#said = (this.#said + text).slice(-MAX_KEPT_LENGTH);
    for (const line of text.split('\n')) if (line !== '') this.#onLine(line.slice(0, MAX_LINE_LENGTH));
    this.#bytes = bytes.subarray(lines.length);
    if (zero >= 0) this.#end = bytes.subarray(zero + 1);
  }
}

function limited(before: Buffer, bytes: Uint8Array, limit: number): Buffer {
  if (before.length + bytes.length <= limit) return Buffer.concat([before, bytes]);
  throw new ExhibitError('LIMIT_EXCEEDED', `the capture pod tells more than ${limit} bytes`);
}
