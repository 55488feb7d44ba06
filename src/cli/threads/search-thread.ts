/*
 * What a thread beside the program's own runs: it does the jobs that search-threads.ts hands it. scripts/build.mjs makes a
 * file of it.
 */
import { parentPort } from 'node:worker_threads';
import { compileMemoryQuery } from '../../analysis/memory-query.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { descriptorSource } from '../../bytes/node-descriptor-source.ts';
import { scanJob } from '../../checkpoint/scan/job-scan.ts';
import type { MemoryScanner } from '../../checkpoint/scan/memory-scanner.ts';
import { PageReader } from '../../checkpoint/scan/page-reader.ts';
import type { ScanJob } from '../../checkpoint/scan/scan-job.ts';
import { type FromThread, MAX_UNREAD_BATCHES, type ToThread } from './search-messages.ts';

/** Bytes read at once. Smaller ones are copied more often, for what matches reach from one into the next. */
const WINDOW_SIZE = 512 * 1024;

class SearchThread {
  #scanners: readonly MemoryScanner[] = [];
  /** Of the file of all jobs of one query: its rooms are used again. */
  #reader: PageReader | undefined;
  #unread = 0;
  /** Called when a batch was read. */
  #onTaken: () => void = () => undefined;
  /** The jobs, one after the other. */
  #work: Promise<void> = Promise.resolve();
  readonly #send: (message: FromThread) => void;

  constructor(send: (message: FromThread) => void) {
    this.#send = send;
  }

  receive(message: ToThread): void {
    if (message.kind === 'taken') {
      this.#unread--;
      this.#onTaken();
      return;
    }
    this.#work = this.#work
      .then(() => this.#do(message))
      .catch((error: unknown) => this.#send(failureOf(error)));
  }

  async #do(message: Exclude<ToThread, { kind: 'taken' }>): Promise<void> {
    if (message.kind === 'query') {
      // The number of its descriptor may soon be that of another file.
      this.#reader = undefined;
      this.#scanners = compileMemoryQuery(message.query).map(({ scanner }) => scanner);
    } else await this.#search(message.job);
  }

  async #search(job: ScanJob): Promise<void> {
    this.#reader ??= new PageReader(descriptorSource(job.descriptor), { windowSize: WINDOW_SIZE });
    for await (const batch of scanJob(job, this.#scanners, this.#reader)) {
      while (this.#unread >= MAX_UNREAD_BATCHES) {
        await new Promise<void>((resolve) => {
          this.#onTaken = resolve;
        });
      }
      this.#unread++;
      this.#send({ kind: 'batch', batch });
    }
  }
}

function failureOf(error: unknown): FromThread {
  const { code, source, offset } =
    error instanceof ExhibitError ? error : { code: undefined, source: undefined, offset: undefined };
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', message, code, source, offset };
}

const port = parentPort;
if (port !== null) {
  const thread = new SearchThread((message) => {
    const buffers = message.kind === 'batch' ? [message.batch.bytes.buffer as ArrayBuffer] : [];
    port.postMessage(message, buffers);
  });
  port.on('message', (message: ToThread) => thread.receive(message));
}
