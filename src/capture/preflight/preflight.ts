/** What would keep a container from being checkpointed, found on its node before anything is touched. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { type CaptureSubject, formatTarget } from '../target.ts';
import { type Check, type LookOptions, lookAtContainer } from './container-look.ts';
import { checkCriuProgram } from './criu-program.ts';
import { checkDeletedFiles } from './deleted-files.ts';
import { checkDiskSpace } from './disk-space.ts';
import { checkFileLocks } from './file-locks.ts';
import { checkFileWatches } from './file-watches.ts';
import { checkFirstProcess } from './first-process.ts';
import { checkIoUring } from './io-uring.ts';
import type { Obstacle } from './obstacle.ts';
import { checkStandstill } from './standstill.ts';
import { checkTcpConnections } from './tcp-connections.ts';
import { checkUnixSockets } from './unix-sockets.ts';

const CHECKS: readonly Check[] = [
  checkStandstill,
  checkCriuProgram,
  checkIoUring,
  checkTcpConnections,
  checkFileLocks,
  checkFileWatches,
  checkDeletedFiles,
  checkUnixSockets,
  checkDiskSpace,
  checkFirstProcess,
];

/** What `exhibit preflight --json` prints. */
export interface PreflightReport extends CaptureSubject {
  readonly container_id?: string | undefined;
  /** `clear`: nothing was found. `unknown`: this machine cannot look, since the container does not run on it. */
  readonly verdict: 'clear' | 'doubtful' | 'refusal' | 'unknown';
  /** How many processes were looked at. */
  readonly processes: number;
  /** Bytes that only a dump keeps: of all processes together, shared memory counted once for each. */
  readonly memory: number;
  readonly obstacles: readonly Obstacle[];
  /** What was not looked at, and why. */
  readonly gaps: readonly string[];
}

/** Looks at a container on this node. It reads /proc and a few files; nothing is changed. */
export async function runPreflight(
  target: CaptureSubject,
  id: string | undefined,
  options: LookOptions = {},
): Promise<PreflightReport> {
  const { namespace, pod, container } = target;
  const about = { namespace, pod, container, container_id: id };
  const look = id === undefined ? undefined : await lookAtContainer(id, options);
  if (look === undefined || look.processes.length === 0) {
    const gaps = [
      'the container does not run on this machine: what CRIU refuses is seen only on its node, as root',
    ];
    return { ...about, verdict: 'unknown', processes: 0, memory: 0, obstacles: [], gaps };
  }
  const obstacles = (await Promise.all(CHECKS.map((check) => check(look, options.root ?? '/')))).flat();
  return {
    ...about,
    verdict: judge(obstacles),
    processes: look.processes.length,
    memory: look.processes.reduce(
      (sum, { privateBytes, sharedBytes }) => sum + privateBytes + sharedBytes,
      0,
    ),
    obstacles,
    gaps: look.gaps,
  };
}

function judge(obstacles: readonly Obstacle[]): PreflightReport['verdict'] {
  if (obstacles.some(({ certainty }) => certainty === 'refusal')) return 'refusal';
  return obstacles.some(({ certainty }) => certainty === 'likely') ? 'doubtful' : 'clear';
}

/** `CAPTURE_WOULD_FAIL` with all that is certain and its cures; undefined where nothing is certain. */
export function refusal(report: PreflightReport): ExhibitError | undefined {
  const certain = report.obstacles.filter(({ certainty }) => certainty === 'refusal');
  if (certain.length === 0) return undefined;
  const message = `a checkpoint of ${formatTarget(report)} would fail; nothing was touched:`;
  return new ExhibitError('CAPTURE_WOULD_FAIL', message, {
    help: [...certain.flatMap(describeObstacle), 'To try nevertheless: --no-preflight'],
  });
}

/** An obstacle as lines: what, where, cure. */
export function describeObstacle({ what, evidence, cure }: Obstacle): readonly string[] {
  return [what, ...evidence.map((line) => `  seen: ${line}`), ...cure.map((line) => `  cure: ${line}`)];
}
