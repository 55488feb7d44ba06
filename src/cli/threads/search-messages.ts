import type { MemoryQuery } from '../../analysis/memory-query.ts';
import type { ErrorCode } from '../../bytes/exhibit-error.ts';
import type { MatchBatch } from '../../checkpoint/scan/job-scan.ts';
import type { ScanJob } from '../../checkpoint/scan/scan-job.ts';

/** What a thread is told. Jobs are done one after the other. */
export type ToThread =
  /** What the jobs from here on look for. */
  | { readonly kind: 'query'; readonly query: MemoryQuery }
  | { readonly kind: 'job'; readonly job: ScanJob }
  /** A batch was read. */
  | { readonly kind: 'taken' };

/** What a thread tells, of the first job that it has not finished. */
export type FromThread =
  | { readonly kind: 'batch'; readonly batch: MatchBatch }
  /** That job is not finished, and none behind it. An error that has no code is a defect. */
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly code: ErrorCode | undefined;
      readonly source: string | undefined;
      readonly offset: number | undefined;
    };

/** Batches of one thread that wait to be read, at most; each has about 150 KB. */
export const MAX_UNREAD_BATCHES = 6;
