import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { MemoryQuery, SearchThreads } from '../../analysis/memory-query.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { MatchBatch } from '../../checkpoint/scan/job-scan.ts';
import type { JobRunner } from '../../checkpoint/scan/parallel-scan.ts';
import type { ScanJob } from '../../checkpoint/scan/scan-job.ts';
import type { FromThread, ToThread } from './search-messages.ts';

/** More threads than this wait for memory and disk, and each takes some 10 MB. */
const MAX_THREADS = 4;
/** A job takes a few milliseconds, beside which handing it over is nothing. */
const JOB_LENGTH = 4 * 1024 * 1024;
/** To start threads takes 30 ms, in which one searches this much. */
export const MINIMUM_LENGTH = 128 * 1024 * 1024;
/** One that is done and one that is next, so that a thread never waits for its work. */
const JOBS_PER_THREAD = 2;

/**
 * A thread needs little beside its windows. With 2 MB, what a regular expression throws away grows old before it is
 * collected (153 MB of the program in all); with 6 MB it is not (132 MB), and more changes nothing.
 */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 6 };

/** Strings are so many that the thread of the program, which prints them, needs a processor of its own. */
function threadsFor(kind: MemoryQuery['kind']): number {
  const processors = Math.min(MAX_THREADS, availableParallelism());
  return kind === 'strings' ? Math.max(1, processors - 1) : processors;
}

/** Threads of Node.js, which end with the program or with `close`. */
export interface NodeSearchThreads extends SearchThreads {
  /** Starts them now: while the archive is opened they come up. */
  start(kind: MemoryQuery['kind']): void;
  close(): void;
}

/** Undefined where the program is not built and so has no file for them: then all is done in one thread. */
export function searchThreads(file: string | undefined = threadFile()): NodeSearchThreads | undefined {
  return file === undefined ? undefined : new ThreadPool(new URL(file, import.meta.url));
}

/** scripts/build.mjs puts its place in, as seen from this module. */
const threadFile = (): string | undefined => process.env.EXHIBIT_SEARCH_THREAD;

/** One way through the memory of one archive: never the same object for two. */
interface Search {
  readonly query: MemoryQuery;
}

class ThreadPool implements NodeSearchThreads {
  readonly #file: URL;
  readonly #threads: Thread[] = [];
  readonly #queue: JobInbox[] = [];

  constructor(file: URL) {
    this.#file = file;
  }

  start(kind: MemoryQuery['kind']): void {
    while (this.#threads.length < threadsFor(kind)) {
      this.#threads.push(new Thread(this.#file, () => this.#handOut()));
    }
  }

  runner(query: MemoryQuery): JobRunner {
    const search: Search = { query };
    return {
      size: threadsFor(query.kind),
      jobLength: JOB_LENGTH,
      minimumLength: MINIMUM_LENGTH,
      run: (job) => {
        this.start(query.kind);
        const inbox = new JobInbox(job, search);
        this.#queue.push(inbox);
        this.#handOut();
        return inbox.batches();
      },
      cancel: () => this.close(),
    };
  }

  close(): void {
    for (const thread of this.#threads) thread.end();
    this.#threads.length = 0;
    this.#queue.length = 0;
  }

  #handOut(): void {
    for (const thread of this.#threads) {
      while (thread.jobs < JOBS_PER_THREAD) {
        const inbox = this.#queue.shift();
        if (inbox === undefined) return;
        thread.do(inbox);
      }
    }
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #onFree: () => void;
  /** In the order in which they are done. */
  readonly #jobs: JobInbox[] = [];
  /** The one that it does jobs of. */
  #search: Search | undefined;
  #failure: unknown;

  constructor(file: URL, onFree: () => void) {
    this.#onFree = onFree;
    this.#worker = new Worker(file, { resourceLimits: RESOURCE_LIMITS });
    // It must not keep the program from ending.
    this.#worker.unref();
    this.#worker.on('message', (message: FromThread) => this.#receive(message));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('a thread that searched has ended')));
  }

  get jobs(): number {
    return this.#jobs.length;
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  do(inbox: JobInbox): void {
    if (this.#failure !== undefined) {
      inbox.fail(this.#failure);
      return;
    }
    this.#jobs.push(inbox);
    this.#worker.ref();
    inbox.onTaken = () => this.#send({ kind: 'taken' });
    if (this.#search !== inbox.search) this.#send({ kind: 'query', query: inbox.search.query });
    this.#search = inbox.search;
    this.#send({ kind: 'job', job: inbox.job });
  }

  end(): void {
    void this.#worker.terminate();
  }

  #receive(message: FromThread): void {
    if (message.kind === 'failed') {
      const { code, source, offset } = message;
      const error =
        code === undefined
          ? new Error(message.message)
          : new ExhibitError(code, message.message, { source, offset });
      this.#fail(error);
      return;
    }
    this.#jobs[0]?.add(message.batch);
    if (message.batch.resumes === undefined) return;
    this.#jobs.shift();
    if (this.#jobs.length === 0) this.#worker.unref();
    this.#onFree();
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#worker.unref();
    for (const inbox of this.#jobs.splice(0)) inbox.fail(error);
  }
}

/** What has come of a job and was not read yet. */
class JobInbox {
  readonly job: ScanJob;
  readonly search: Search;
  onTaken: () => void = () => undefined;
  readonly #batches: MatchBatch[] = [];
  #failure: { readonly error: unknown } | undefined;
  #onChange: () => void = () => undefined;

  constructor(job: ScanJob, search: Search) {
    this.job = job;
    this.search = search;
  }

  add(batch: MatchBatch): void {
    this.#batches.push(batch);
    this.#onChange();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#onChange();
  }

  async *batches(): AsyncGenerator<MatchBatch> {
    for (;;) {
      const batch = this.#batches.shift();
      if (batch !== undefined) {
        this.onTaken();
        yield batch;
        if (batch.resumes !== undefined) return;
      } else if (this.#failure !== undefined) throw this.#failure.error;
      else {
        await new Promise<void>((resolve) => {
          this.#onChange = resolve;
        });
      }
    }
  }
}
