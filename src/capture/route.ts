import type { CaptureRecord, RecordedCompanion } from '../archive/capture-record.ts';
import type { ErrorCode } from '../bytes/exhibit-error.ts';
import type { HttpAnswer } from './https-client.ts';
import type { ContainerTarget } from './target.ts';
import type { UploadOutcome } from './upload/upload-archive.ts';

/**
 * How a container of a pod is reached, in the order in which the ways are tried; docs/decisions/015-order-of-routes.md
 * says why. Each has a file of its own and the same shape.
 */
export const POD_ROUTES = ['kubelet', 'cri', 'proxy', 'node'] as const;
export type PodRouteName = (typeof POD_ROUTES)[number];

/** `node` does without CRIU. `podman` reaches containers that belong to no pod; it is never tried by itself. */
export type RouteName = PodRouteName | 'podman';

/** One way to capture a container. What it was made from (credentials, addresses, the container) stays inside. */
export interface CaptureRoute {
  readonly name: RouteName;
  /** Why this one, for the user. */
  readonly reason: string;
  /** Who is asked, as an address without secrets. */
  readonly endpoint: string;
  /** How it was made sure that the other end is who it says, for the user. */
  readonly trust: string;
  /** A privileged pod is made on the node for it: it is gone only if it was asked for, or once the node could not checkpoint. */
  readonly makesPod?: true | undefined;
  /**
   * Captures the container and returns the archive's path on the node. Nothing cancels a capture by CRIU: a caller that gives
   * up leaves the container frozen. Rejects with an ExhibitError that tells cause and cure.
   */
  take(watch?: TakeWatch): Promise<string>;
  /**
   * Whether this way is open, as far as can be known without touching the container. Rejects with an ExhibitError that
   * says why not.
   */
  probe(): Promise<void>;
}

/** What a capture of our own tells while it is taken; captures by CRIU tell nothing before their end. */
export interface TakeWatch {
  /** Ends it: the container runs on, and nothing of the archive is left. Captures by CRIU are never ended. */
  readonly signal?: AbortSignal | undefined;
  /** Hears what is being done, for the user. */
  readonly onStage?: ((stage: string) => void) | undefined;
  /** Hears what is worth a line of its own, for the user; not escaped. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Done as soon as the container runs again, with the time (milliseconds since 1970) since when it does: `--both`. */
  readonly onThawed?: ((since: number) => Promise<RecordedCompanion | undefined>) | undefined;
  /** Hears what became of an upload that was asked for. */
  readonly onUpload?: ((outcome: UploadOutcome) => void) | undefined;
  /** Hears what the archive says of how it was taken. */
  readonly onRecord?: ((record: CaptureRecord) => void) | undefined;
}

/** A way that was not gone, and why, as `exhibit capture --json` prints it. */
export interface RouteNotTaken {
  readonly name: RouteName;
  readonly reason: string;
}

/**
 * Refusals before the runtime heard of anything: the container was not touched, and the next way may be tried. After
 * any other failure a checkpoint may have begun.
 */
const NOTHING_BEGUN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'API_FORBIDDEN',
  'API_UNAUTHORIZED',
  'BAD_CREDENTIALS',
  'CHECKPOINT_DISABLED',
  'CONNECTION_FAILED',
  'KUBELET_AUTHORIZATION_FAILED',
  'KUBELET_FORBIDDEN',
  'KUBELET_UNAUTHORIZED',
  'SERVER_UNVERIFIED',
]);

export const isBeforeAnything = (code: ErrorCode): boolean => NOTHING_BEGUN.has(code);

/**
 * Seconds that the kubelet gives the runtime. Its own default of two minutes cancels the checkpoint of a large process,
 * which leaves the container frozen; an hour is longer than any checkpoint measured (13.9 s for 1 GiB).
 */
export const DEFAULT_TIMEOUT_SECONDS = 3600;

/** The kubelet closes connections after four hours (its server's WriteTimeout). */
export const MAX_TIMEOUT_SECONDS = 4 * 3600;

/**
 * A container that cannot be: no name of Kubernetes has an underscore. A kubelet says whether the user may checkpoint
 * before it looks for the pod (pkg/kubelet/server), so asking for this one tells that and touches nothing.
 */
export const NOBODY: ContainerTarget = { namespace: '_', pod: '_', container: '_' };

/** Whether the answer to a request for NOBODY is the one that a user gets who may checkpoint. */
export const isAllowed = ({ status, body }: HttpAnswer): boolean =>
  status === 404 && body.includes('pod does not exist');

/** The path and query of the kubelet's checkpoint API. Names are checked by `parseTarget`. */
export function checkpointPath(
  { namespace, pod, container }: ContainerTarget,
  timeoutSeconds: number,
): string {
  return `/checkpoint/${namespace}/${pod}/${container}?timeout=${timeoutSeconds}`;
}

/** An answer holds one path; a failure's text quotes the runtime, which quotes CRIU. */
export const MAX_ANSWER_BYTES = 1024 * 1024;

/** A request for NOBODY may be given up: a kubelet that is silent for this many seconds answers nobody. */
export const PROBE = { method: 'POST', idleLimit: 20, answerLimit: MAX_ANSWER_BYTES } as const;
