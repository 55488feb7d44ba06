/**
 * The way without CRIU: this machine is the container's node and this is root. From elsewhere, a helper pod on the node runs
 * the same code.
 */
import { rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { withLock } from '../capture-lock.ts';
import { CHECKPOINTS_FOLDER, checkpointPath } from '../checkpoint-file.ts';
import type { ContainerRuntime } from '../cri/runtime.ts';
import { hashFile } from '../node-files.ts';
import type { CaptureRoute, TakeWatch } from '../route.ts';
import type { CaptureSubject } from '../target.ts';
import { attemptUpload, type UploadWish, uploadArchive, uploadStage } from '../upload/upload-archive.ts';
import { removeLeftovers } from './archive-file.ts';
import { DEFAULT_MAX_FREEZE_MILLISECONDS } from './freeze/freeze-container.ts';
import type { LivePhase } from './held-copy.ts';
import { captureLive } from './live-capture.ts';
import { ensureReadable, findMembers } from './members.ts';
import type { LiveSubject } from './rest.ts';

/** What the user wishes of such a capture. */
export interface LiveWish {
  /** Default: true. */
  readonly freeze?: boolean | undefined;
  readonly allPages?: boolean | undefined;
  /** Milliseconds; default: DEFAULT_MAX_FREEZE_MILLISECONDS. */
  readonly maxFreeze?: number | undefined;
  /** For the archive; default: the kubelet's. */
  readonly folder?: string | undefined;
  readonly upload?: UploadWish | undefined;
}

export interface LiveRouteOptions {
  /** The runtime's id of the container. */
  readonly id: string;
  readonly target: CaptureSubject;
  readonly podUid?: string | undefined;
  /** Asked for what it knows of the container. */
  readonly runtime?: ContainerRuntime | undefined;
  readonly reason: string;
  readonly wish?: LiveWish | undefined;
}

export function liveRoute(options: LiveRouteOptions): CaptureRoute {
  const { id, reason } = options;
  return {
    name: 'node',
    reason,
    endpoint: `/proc on ${hostname()}`,
    trust: 'its processes were read on this machine, without CRIU',
    probe: async () => {
      const [first] = findMembers(id);
      if (first !== undefined) ensureReadable(first);
    },
    // Two captures at once would each think that the container stood still before.
    take: (watch = {}) => withLock(`live-${id}`, () => take(options, watch)),
  };
}

async function take(options: LiveRouteOptions, watch: TakeWatch): Promise<string> {
  const { target, wish = {} } = options;
  const folder = wish.folder ?? CHECKPOINTS_FOLDER;
  const label = labelOf(target);
  await removeLeftovers(folder, label);
  const file = checkpointPath(label, new Date(), folder);
  const { record } = await captureLive(await subjectOf(options), file, {
    freeze: wish.freeze ?? true,
    allPages: wish.allPages ?? false,
    maxFreeze: wish.maxFreeze ?? DEFAULT_MAX_FREEZE_MILLISECONDS,
    signal: watch.signal,
    onThawed: watch.onThawed,
    onPhase: (phase) => watch.onStage?.(stageOf(phase)),
  });
  watch.onRecord?.(record);
  if (wish.upload !== undefined) await store(file, wish.upload, watch);
  return file;
}

async function store(file: string, { target, keeps }: UploadWish, watch: TakeWatch): Promise<void> {
  watch.onStage?.('it runs again: hashing the archive');
  const stored = { size: (await stat(file)).size, sha256: await hashFile(file) };
  const outcome = await attemptUpload(target, stored, () =>
    uploadArchive(file, target, {
      ...stored,
      signal: watch.signal ?? new AbortController().signal,
      onProgress: (done) => watch.onStage?.(uploadStage(done, stored.size)),
      tell: (text) => watch.onNote?.(text),
    }),
  );
  watch.onUpload?.(outcome);
  if (outcome.failed === undefined && !keeps) await rm(file);
}

/** As the kubelet's: POD_NAMESPACE-CONTAINER. */
function labelOf({ namespace, pod, container }: CaptureSubject): string {
  return namespace === undefined || pod === undefined ? container : `${pod}_${namespace}-${container}`;
}

async function subjectOf({ id, target, podUid, runtime }: LiveRouteOptions): Promise<LiveSubject> {
  const { namespace, pod, container } = target;
  // What the runtime would tell besides is no reason not to capture.
  const known = runtime === undefined ? {} : await knowledgeOf(runtime, id).catch(() => ({}));
  const uid = podUid ?? known.pod?.uid;
  const isPods = namespace !== undefined && pod !== undefined && uid !== undefined;
  return {
    id,
    recorded: { namespace, pod, container, id },
    known,
    logOwner: isPods ? { namespace, pod, uid, container } : undefined,
  };
}

async function knowledgeOf(runtime: ContainerRuntime, id: string): Promise<LiveSubject['known']> {
  const container = (await runtime.containers()).find((each) => each.id === id);
  const pods = container === undefined ? [] : await runtime.pods();
  return { container, pod: pods.find((each) => each.id === container?.podId) };
}

const STAGES: Readonly<Record<Exclude<LivePhase['name'], 'memory'>, string>> = {
  preparing: 'making room for its memory; it runs',
  freezing: 'freezing it',
  looking: 'it stands still: looking at its processes',
  thawed: 'it runs again',
  files: 'it runs again: writing images and files',
};

const MEBIBYTE = 2 ** 20;

function stageOf(phase: LivePhase): string {
  if (phase.name !== 'memory') return STAGES[phase.name];
  const mebibytes = (bytes: number): string => (bytes / MEBIBYTE).toFixed(0);
  return `copying memory: ${mebibytes(phase.done)} of ${mebibytes(phase.total)} MiB`;
}
