/** Which ways are left after one was refused. */
import { type ErrorCode, ExhibitError } from '../bytes/exhibit-error.ts';
import { waitForDumper } from './dumper.ts';
import { readFreezerState } from './freezer.ts';
import { type CaptureRoute, isBeforeAnything, type RouteNotTaken } from './route.ts';

export interface Refusal {
  readonly route: CaptureRoute;
  readonly error: ExhibitError;
}

/** What is known of the container when the next way is tried. */
export type StateBetween =
  /** Nobody touched it. */
  | 'untouched'
  /** CRIU gave up, and it runs. */
  | 'running'
  /** CRIU gave up on another machine. */
  | 'unseen';

export interface WaysLeft {
  readonly ways: readonly CaptureRoute[];
  readonly state: StateBetween;
}

/** CRIU did not begin, or gave up: what it refuses, a capture without it does not. */
const REFUSED_BY_CRIU: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CHECKPOINT_FAILED',
  'CHECKPOINT_UNSUPPORTED',
  'CRIU_DISABLED',
  'CRIU_MISSING',
]);

/** The node cannot checkpoint the container, whoever asks: no right that is missing. */
export const isForWantOfCriu = (code: ErrorCode): boolean =>
  code === 'CHECKPOINT_DISABLED' || REFUSED_BY_CRIU.has(code);

/**
 * The first of `ways`; undefined where there is none. A pod is made only once the node could not checkpoint, or where that is
 * the only way, which was asked for: rights that are missing are the user's to ask for.
 */
export function nextWay(
  ways: readonly CaptureRoute[],
  refusals: readonly Refusal[],
): CaptureRoute | undefined {
  const mayMakePod = refusals.length === 0 || refusals.some(({ error }) => isForWantOfCriu(error.code));
  return ways.find(({ makesPod }) => mayMakePod || !makesPod);
}

/** The ways after the last of `refusals`; throws where a checkpoint may have begun, so that none may be gone any more. */
export async function waysAfter(
  refusals: readonly [...Refusal[], Refusal],
  later: readonly CaptureRoute[],
  containerId: string | undefined,
): Promise<WaysLeft> {
  const { error, route } = refusals[refusals.length - 1] ?? refusals[0];
  if (isBeforeAnything(error.code)) return { ways: later, state: 'untouched' };
  const without = later.filter(({ name }) => name === 'node');
  if (without.length === 0 || containerId === undefined || !REFUSED_BY_CRIU.has(error.code))
    throw route.makesPod && error.code !== 'CAPTURE_INTERRUPTED' ? allRefused(refusals) : error;
  await waitForDumper(containerId);
  const freezer = await readFreezerState(containerId);
  if (freezer === 'running') return { ways: without, state: 'running' };
  const pods = without.filter(({ makesPod }) => makesPod);
  // It is on another machine, where the pod sees how it stands.
  if (freezer === 'gone' && pods.length > 0)
    return { ways: pods, state: error.code === 'CHECKPOINT_FAILED' ? 'unseen' : 'untouched' };
  throw error;
}

export const toNotTaken = ({ route, error }: Refusal): RouteNotTaken => ({
  name: route.name,
  reason: error.message,
});

/** The first way is the one to mend; what the others lack may be easier to come by. */
export function allRefused([first, ...others]: readonly Refusal[]): unknown {
  if (first === undefined || others.length === 0) return first?.error;
  const { code, message, help } = first.error;
  const all = others.flatMap(({ error }) => [`the next way: ${error.message}`, ...error.help]);
  return new ExhibitError(code, message, { help: [...help, ...all], cause: first.error });
}
