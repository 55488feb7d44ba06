import type { ContainerTarget } from './target.ts';

/** How a container is reached. Each has a file of its own and the same shape. */
export type RouteName = 'kubelet' | 'proxy';

/** One way to take a checkpoint. What it was made from (credentials, addresses) stays inside. */
export interface CaptureRoute {
  readonly name: RouteName;
  /** Why this one, for the user. */
  readonly reason: string;
  /** Who is asked, as an address without secrets. */
  readonly endpoint: string;
  /** How it was made sure that the other end is who it says, for the user. */
  readonly trust: string;
  /**
   * Takes the checkpoint and returns the archive's path on the node. Nothing cancels it: a caller that gives up leaves
   * the container frozen. Rejects with an ExhibitError that tells cause and cure.
   */
  checkpoint(target: ContainerTarget): Promise<string>;
}

/**
 * Seconds that the kubelet gives the runtime. Its own default of two minutes cancels the checkpoint of a large process,
 * which leaves the container frozen; an hour is longer than any checkpoint measured (13.9 s for 1 GiB).
 */
export const DEFAULT_TIMEOUT_SECONDS = 3600;

/** The kubelet closes connections after four hours (its server's WriteTimeout). */
export const MAX_TIMEOUT_SECONDS = 4 * 3600;

/** The path and query of the kubelet's checkpoint API. Names are checked by `parseTarget`. */
export function checkpointPath(
  { namespace, pod, container }: ContainerTarget,
  timeoutSeconds: number,
): string {
  return `/checkpoint/${namespace}/${pod}/${container}?timeout=${timeoutSeconds}`;
}

/** An answer holds one path; a failure's text quotes the runtime, which quotes CRIU. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
