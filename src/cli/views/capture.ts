import { type CaptureReport, fetchHint, type LiveOutcome } from '../../capture/capture.ts';
import type { CapturePlan } from '../../capture/capture-plan.ts';
import type { CaptureRoute, RouteNotTaken } from '../../capture/route.ts';
import { whyLater } from '../../capture/route-choice.ts';
import { thawCommands } from '../../capture/run-check.ts';
import { formatTarget } from '../../capture/target.ts';
import type { StateBetween } from '../../capture/way-after.ts';
import type { Io } from '../io.ts';
import { escapeText } from '../terminal/escape.ts';
import { formatBytes } from '../terminal/format.ts';
import { startProgress } from '../terminal/progress.ts';

/** Where nobody sees a line being redrawn, a line is written this often. */
const REMINDER_SECONDS = 10;
const TICK_MILLISECONDS = 200;

export interface CaptureWatch {
  /** Says what is being done, where a capture tells that. */
  stage(text: string): void;
  /** Writes a line of its own. */
  note(text: string): void;
  /** Clears the redrawn line, so that something else can be told. */
  pause(): void;
  end(): void;
}

/** Says what is about to be done and why this way. */
export function planLines({ target, routes, notTaken, pod, notes }: CapturePlan): string {
  const on = pod?.node === undefined ? '' : ` on node ${pod.node}`;
  const uid = pod === undefined ? '' : `, pod UID ${pod.uid}`;
  const [route, ...later] = routes;
  return lines([
    ...notes.map((note) => `note: ${note}`),
    `capturing ${formatTarget(target)}${on}${uid}`,
    `via ${route.name} (${route.endpoint}): ${route.reason}`,
    ...later.map((way) => `not via ${way.name}: ${whyLater(way)}`),
    ...notTaken.map(({ name, reason }) => `not via ${name}: ${reason}`),
  ]);
}

/** Says that CRIU is not asked, and why. */
export function insteadLines({ routes: [{ name, endpoint, reason }] }: CapturePlan): string {
  return lines([
    `now via ${name} (${endpoint}), without CRIU: ${reason}`,
    'nothing can be restored from such an archive; with --via kubelet, cri or proxy, CRIU is asked',
  ]);
}

/** Says that a way was refused, and which is tried now. */
export function refusedLines(
  refused: RouteNotTaken,
  { name, endpoint, reason }: CaptureRoute,
  state: StateBetween,
): string {
  return lines([
    `not via ${refused.name}: ${refused.reason}`,
    `${STATES[state]}; now via ${name} (${endpoint}): ${reason}`,
  ]);
}

const STATES: Readonly<Record<StateBetween, string>> = {
  untouched: 'nothing was touched',
  running: 'the container runs',
  unseen: 'CRIU gave the container back',
};

/** Shows on stderr how long the container has been standing still. */
export function watchCapture({ target, routes }: CapturePlan, io: Io): CaptureWatch {
  const begin = Date.now();
  const name = formatTarget(target);
  const progress = startProgress(io);
  const seconds = (): number => Math.floor((Date.now() - begin) / 1000);
  let reminder = REMINDER_SECONDS;
  let stage = routes[0].name === 'node' ? '' : 'the container stands still';
  if (!io.interactive && stage !== '')
    io.err(lines([`checkpointing ${name}; the container stands still meanwhile`]));
  const timer = setInterval(() => {
    const elapsed = seconds();
    progress.update(`capturing ${name}, ${stage}: ${elapsed} s`);
    if (io.interactive || elapsed < reminder) return;
    reminder += REMINDER_SECONDS;
    io.err(lines([`capturing ${name}: ${elapsed} s`]));
  }, TICK_MILLISECONDS);
  return {
    stage: (text) => {
      stage = text;
    },
    note: (text) => {
      progress.end();
      io.err(lines([text]));
    },
    pause: () => progress.end(),
    end: () => {
      clearInterval(timer);
      progress.end();
    },
  };
}

/** What Ctrl-C, and whatever else wants the program to end, is answered while a checkpoint is under way. */
export function tellSignal(count: number, { containerId, routes }: CapturePlan, pid: number): string {
  const first = [
    'A checkpoint that has begun is never cancelled: that can leave the container frozen. Waiting for its end …',
  ];
  const again = [
    'Still waiting: a checkpoint that has begun is never cancelled.',
    ...(routes[0].name === 'podman'
      ? [`To give up nevertheless: kill -9 ${pid}. Podman then goes on by itself.`]
      : [
          `To give up nevertheless: kill -9 ${pid}. The checkpoint is then cancelled and the container may stay frozen;`,
          ...thawCommands(containerId),
        ]),
  ];
  return lines(count === 1 ? first : again);
}

/** The result for a person. */
export function reportLines(report: CaptureReport): string {
  const { archive, container_afterwards: after, node, route, pod_uid } = report;
  const size =
    archive.size === undefined ? [] : [`size       ${formatBytes(archive.size)} (${archive.size} bytes)`];
  const isStored = report.upload?.failed === undefined && report.upload?.to === archive.path;
  const hash = archive.sha256 === undefined ? [] : [`sha256     ${archive.sha256}`];
  const own = lines([
    `captured   ${formatTarget(report)} in ${report.seconds.toFixed(1)} s, via ${route.name}`,
    ...(pod_uid === undefined ? [] : [`pod uid    ${pod_uid}`]),
    `archive    ${archive.path}${isStored || node === undefined ? '' : ` on node ${node}`}`,
    ...uploadLines(report.upload),
    ...size,
    ...hash,
    `identity   ${route.trust}`,
    ...(report.live === undefined ? [] : liveLines(report.live)),
    `container  ${VERDICTS[after.verdict]}: ${after.detail}`,
    ...after.help.map((line) => `           ${line}`),
    ...(archive.here || isStored ? [] : fetchHint(report).map((line) => `           ${line}`)),
  ]);
  return own + companionLines(report.companion);
}

function uploadLines(upload: CaptureReport['upload']): readonly string[] {
  if (upload === undefined) return [];
  if (upload.failed === undefined) return [`stored     ${upload.to}`];
  const help = upload.help.map((line) => `           ${line}`);
  return [`NOT STORED ${upload.failed}`, ...help];
}

function companionLines(companion: CaptureReport['companion']): string {
  if (companion === undefined) return '';
  if ('failed' in companion) return lines(['', `CRIU failed: ${companion.failed}`, ...companion.help]);
  const { seconds_later, report } = companion;
  return (
    lines(['', `CRIU began ${seconds_later.toFixed(1)} s after the container ran again:`]) +
    reportLines(report)
  );
}

/** Gaps that are told; the archive's record has them all. */
const MAX_GAPS = 10;

function liveLines(live: LiveOutcome): readonly string[] {
  const { seconds_frozen, frozen_before, consistency, unreadable_ranges, gaps } = live;
  const stood = seconds_frozen === undefined ? [] : [`frozen     for ${seconds_frozen.toFixed(3)} s`];
  const before =
    frozen_before === true ? ['frozen     it stood still before the capture, and still does'] : [];
  const moved =
    consistency === 'running'
      ? ['CAUTION    it ran while it was read: parts of the archive can contradict each other']
      : [];
  const unread = unreadable_ranges === 0 ? [] : [`unread     ${unreadable_ranges} ranges of memory`];
  const more = gaps.length > MAX_GAPS ? [`gap        and ${gaps.length - MAX_GAPS} more`] : [];
  return [
    ...stood,
    ...before,
    ...moved,
    ...unread,
    ...gaps.slice(0, MAX_GAPS).map((gap) => `gap        ${gap}`),
    ...more,
    'restore    nothing can be restored from this archive: it was captured without CRIU',
  ];
}

const VERDICTS: Readonly<Record<CaptureReport['container_afterwards']['verdict'], string>> = {
  running: 'runs',
  frozen: 'IS FROZEN',
  ended: 'DOES NOT RUN ANY MORE',
  unknown: 'unknown',
};

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${escapeText(text)}\n`).join('');
}
