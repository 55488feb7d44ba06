import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { type MatchBatch, searchBlocks } from './job-scan.ts';
import type { MemoryLayout, MemoryText } from './memory-layout.ts';
import type { MemoryScanner } from './memory-scanner.ts';
import type { PagesImages } from './pages-images.ts';
import { type PlannedJob, planJobs, type ScanJob } from './scan-job.ts';
import { partOf } from './text-part.ts';
import { firstByte, type TextMatch, TextScan } from './text-scan.ts';

/** Who does jobs beside this thread, with the same scanners. */
export interface JobRunner {
  /** How many jobs it does at once. */
  readonly size: number;
  /** Bytes of a job. */
  readonly jobLength: number;
  /** Fewer bytes of memory are searched sooner without it. */
  readonly minimumLength: number;
  /** Begins at once, or when its turn comes; what has been found waits, bounded, to be taken. */
  run(job: ScanJob): AsyncIterable<MatchBatch>;
  /** Nothing more is wanted of the jobs under way. */
  cancel(): void;
}

/** So that nobody waits for work while the matches of the first job are told. */
const JOBS_AHEAD = 3;

/** A match and the text that it is of. */
export interface FoundMatch {
  readonly text: MemoryText;
  readonly match: TextMatch;
}

/** What has been found next; to be read to its end before more is asked for. */
export interface FoundMatches {
  readonly matches: Iterable<FoundMatch>;
  /** Bytes that have been searched with them. */
  readonly length: number;
  /** It took long enough to say how far the search is. */
  readonly isStep: boolean;
}

/** The matches of all texts, in order and each once, as they are found without a runner. */
export async function* scanInJobs(
  layout: MemoryLayout,
  scanners: readonly MemoryScanner[],
  images: PagesImages,
  runner: JobRunner,
): AsyncGenerator<FoundMatches> {
  const overlap = Math.max(0, ...scanners.map((scanner) => scanner.overlap));
  const plan = planJobs(layout, images, { jobLength: runner.jobLength, overlap, scanners: scanners.length });
  const running: { readonly planned: PlannedJob; readonly batches: AsyncIterable<MatchBatch> }[] = [];
  const ahead = JOBS_AHEAD * runner.size;
  let isDone = false;
  let before: Border | undefined;
  try {
    for (;;) {
      while (running.length < ahead) {
        const next = plan.next();
        if (next.done === true) break;
        running.push({ planned: next.value, batches: runner.run(next.value.job) });
      }
      const first = running.shift();
      if (first === undefined) break;
      const merge = new JobMerge(first.planned, before, scanners, images);
      for await (const batch of first.batches) {
        for await (const matches of merge.matchesOf(batch)) yield { matches, length: 0, isStep: false };
      }
      before = merge.border;
      yield { matches: [], length: first.planned.length, isStep: true };
    }
    isDone = true;
  } finally {
    if (!isDone) runner.cancel();
  }
}

/** Where, at the end of a job, each scanner goes on in the last text. */
interface Border {
  readonly text: MemoryText | undefined;
  readonly resumes: readonly number[];
}

/**
 * The matches of one job. Its first part began where the job before ends, as if no match crossed that border. Where one
 * does, what begins inside of it is no match. Behind it all is as found, unless something found reaches across its end:
 * then the part is searched once more from there.
 */
class JobMerge {
  readonly #planned: PlannedJob;
  readonly #scanners: readonly MemoryScanner[];
  readonly #images: PagesImages;
  /** Where the first matches that count begin, for each scanner. */
  readonly #from: readonly number[] | undefined;
  /** A match of the first part that reaches across one of those places. */
  #reached: TextMatch | undefined;
  #isFirstPartAgain = false;
  #resumes: readonly number[] = [];

  constructor(
    planned: PlannedJob,
    before: Border | undefined,
    scanners: readonly MemoryScanner[],
    images: PagesImages,
  ) {
    this.#planned = planned;
    this.#scanners = scanners;
    this.#images = images;
    if (before !== undefined && before.text === planned.texts[0]) this.#from = before.resumes;
  }

  get #isOnePart(): boolean {
    return this.#planned.texts.length === 1;
  }

  get border(): Border {
    const from = this.#isOnePart ? this.#from : undefined;
    const resumes = this.#resumes.map((resume, index) => Math.max(resume, from?.[index] ?? 0));
    return { text: this.#planned.texts.at(-1), resumes };
  }

  async *matchesOf(batch: MatchBatch): AsyncGenerator<Iterable<FoundMatch>> {
    const unread: Unread = { batch, index: 0, at: 0 };
    yield this.#readMatches(unread);
    if (this.#reached !== undefined && !this.#isFirstPartAgain) {
      yield* this.#searchAgain(this.#reached);
      yield this.#readMatches(unread);
    }
    if (batch.resumes !== undefined && !(this.#isFirstPartAgain && this.#isOnePart)) {
      this.#resumes = batch.resumes;
    }
  }

  /** Up to the end of the batch, or to a match across what the job before says. */
  *#readMatches(unread: Unread): Generator<FoundMatch> {
    const { parts, scanners, starts, lengths, bytes } = unread.batch;
    while (unread.index < starts.length) {
      const { index, at } = unread;
      const part = parts[index] as number;
      const length = lengths[index] as number;
      const match = {
        scanner: scanners[index] as number,
        start: starts[index] as number,
        length,
        window: bytes,
        at,
      };
      unread.index++;
      unread.at += length;
      const fate = part === 0 ? this.#fateOf(match) : 'told';
      if (fate === 'told') yield { text: this.#textOf(part), match };
      else if (fate === 'across') {
        this.#reached = match;
        return;
      }
    }
  }

  #fateOf({ scanner, start, length }: TextMatch): 'told' | 'left-out' | 'across' {
    if (this.#isFirstPartAgain) return 'left-out';
    const from = this.#from?.[scanner] ?? 0;
    if (start >= from) return 'told';
    return start + length > from ? 'across' : 'left-out';
  }

  /** The first part, from where the job before says; but not what has been told, which is all that comes before `reached`. */
  async *#searchAgain(reached: TextMatch): AsyncGenerator<Iterable<FoundMatch>> {
    this.#isFirstPartAgain = true;
    const text = this.#textOf(0);
    const range = { from: this.#from ?? [], to: this.#planned.job.parts[0]?.range.to ?? 0 };
    const scan = new TextScan(this.#scanners, range);
    const overlap = Math.max(...this.#scanners.map((scanner) => scanner.overlap));
    const part = partOf(text, firstByte(range), range.to + overlap + 1);
    for await (const { matches } of searchBlocks(part, scan, this.#images)) {
      yield inText(text, matches, ({ start, scanner }) =>
        start === reached.start ? scanner >= reached.scanner : start > reached.start,
      );
    }
    if (this.#isOnePart) this.#resumes = scan.resumes;
  }

  #textOf(part: number): MemoryText {
    const text = this.#planned.texts[part];
    if (text === undefined) throw new ExhibitError('MALFORMED', `a job was told a match of its part ${part}`);
    return text;
  }
}

/** How far the matches of a batch have been read. */
interface Unread {
  readonly batch: MatchBatch;
  index: number;
  /** Where the bytes of the match at `index` begin. */
  at: number;
}

/** The matches that pass, with their text. */
export function* inText(
  text: MemoryText,
  matches: Iterable<TextMatch>,
  isWanted: (match: TextMatch) => boolean = () => true,
): Generator<FoundMatch> {
  for (const match of matches) if (isWanted(match)) yield { text, match };
}
