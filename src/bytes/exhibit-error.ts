/**
 * Every way in which the library refuses, as a stable name. Codes are API: scripts match on them and tests assert
 * them, so a code is never renamed and never reused.
 */
export type ErrorCode =
  | 'BAD_IMAGE'
  | 'RAW_IMAGE'
  | 'BAD_RANGE'
  | 'CUT_SHORT'
  | 'LIMIT_EXCEEDED'
  | 'MALFORMED'
  | 'NOT_AN_ARCHIVE'
  | 'NOT_A_CHECKPOINT'
  | 'FILE_NOT_FOUND'
  | 'FILE_UNREADABLE'
  | 'FILE_EXISTS'
  | 'WRITE_FAILED'
  | 'ENTRY_NOT_FOUND'
  | 'UNSAFE_PATH'
  | 'API_FAILED'
  | 'API_FORBIDDEN'
  | 'API_UNAUTHORIZED'
  | 'API_UNAVAILABLE'
  | 'ARCHIVE_CHANGED'
  | 'ARCHIVE_NOT_FOUND'
  | 'BAD_CREDENTIALS'
  | 'BAD_LOCK_FOLDER'
  | 'BAD_JOURNAL'
  | 'BAD_KUBECONFIG'
  | 'BAD_TARGET'
  | 'CAPTURE_CONNECTION_LOST'
  | 'CAPTURE_WOULD_FAIL'
  | 'CHECKPOINT_DISABLED'
  | 'CHECKPOINT_FAILED'
  | 'CHECKPOINT_IN_PROGRESS'
  | 'CHECKPOINT_TIMED_OUT'
  | 'CHECKPOINT_UNSUPPORTED'
  | 'CONNECTION_FAILED'
  | 'CONTAINER_CHOICE'
  | 'CONTAINER_NOT_FOUND'
  | 'CONTAINER_NOT_RUNNING'
  | 'COLLECT_INTERRUPTED'
  | 'COLLECT_STREAM_CUT'
  | 'CRIU_DISABLED'
  | 'CRIU_MISSING'
  | 'HELPER_POD_FAILED'
  | 'HELPER_POD_REFUSED'
  | 'KUBELET_AUTHORIZATION_FAILED'
  | 'KUBELET_BAD_ANSWER'
  | 'KUBELET_FORBIDDEN'
  | 'KUBELET_UNAUTHORIZED'
  | 'SERVER_UNVERIFIED'
  | 'NOT_ROOT'
  | 'MEMORY_UNREADABLE'
  | 'CAPTURE_INTERRUPTED'
  | 'FREEZE_TOO_LONG'
  | 'NODE_NOT_FOUND'
  | 'NO_ROUTE'
  | 'NO_SUCH_PROCESS'
  | 'POD_NOT_FOUND'
  | 'THAW_FAILED'
  | 'FREEZE_FAILED'
  | 'FREEZE_REFUSED'
  | 'FREEZE_LOST'
  | 'BAD_PATTERN'
  | 'BAD_RULES'
  | 'YARA_MISSING'
  | 'NOT_EXPORTABLE'
  | 'BAD_ROOTFS'
  | 'LIVE_CAPTURE_FAILED'
  | 'UPLOAD_REFUSED';

interface ErrorDetails {
  /** The archive entry or file that the error is about. */
  readonly source?: string | undefined;
  /** Where in that source, in bytes. */
  readonly offset?: number | undefined;
  /** What to do about it when that takes more than a sentence: commands and choices, each printed on its own line. */
  readonly help?: readonly string[] | undefined;
  readonly cause?: unknown;
}

/** The one error class. `message` says what happened, where, and what to do. */
export class ExhibitError extends Error {
  readonly code: ErrorCode;
  readonly source: string | undefined;
  readonly offset: number | undefined;
  readonly help: readonly string[];

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'ExhibitError';
    this.code = code;
    this.source = details.source;
    this.offset = details.offset;
    this.help = details.help ?? [];
  }
}
