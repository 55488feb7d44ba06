/**
 * Every way in which the library refuses, as a stable name. Codes are API: scripts match on them and tests assert
 * them, so a code is never renamed and never reused.
 */
export type ErrorCode =
  | 'BAD_RANGE'
  | 'CUT_SHORT'
  | 'LIMIT_EXCEEDED';

interface ErrorDetails {
  /** The archive entry or file that the error is about. */
  readonly source?: string | undefined;
  /** Where in that source, in bytes. */
  readonly offset?: number | undefined;
  readonly cause?: unknown;
}

/** The one error class. `message` says what happened, where, and what to do. */
export class ExhibitError extends Error {
  readonly code: ErrorCode;
  readonly source: string | undefined;
  readonly offset: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'ExhibitError';
    this.code = code;
    this.source = details.source;
    this.offset = details.offset;
  }
}
