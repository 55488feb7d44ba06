/** The way without CRIU from elsewhere, as a route: by a pod on the container's node. */
import { CAPTURE_RECORD, MAX_RECORD_BYTES, parseCaptureRecord } from '../../../archive/capture-record.ts';
import { openArchive } from '../../../archive/open-archive.ts';
import { openFileSource } from '../../../bytes/file-source.ts';
import type { HelperSettings } from '../../collect/node-reader.ts';
import type { TransferProgress } from '../../collect/transfer.ts';
import type { Endpoint } from '../../https-client.ts';
import type { CaptureRoute, TakeWatch } from '../../route.ts';
import { type ContainerTarget, formatTarget } from '../../target.ts';
import { uploadStage } from '../../upload/upload-archive.ts';
import type { LiveWish } from '../live-route.ts';
import { capturePod, type PodCaptureOptions, probePodCapture } from './pod-capture.ts';

/** What the user wishes of the pod. */
export interface PodWish {
  readonly helper: HelperSettings;
  /** Where the archive goes: a folder here, or the node's own. */
  readonly destination: PodCaptureOptions['destination'];
  /** It is wanted even where this machine is the container's node. */
  readonly isAsked: boolean;
}

export interface PodRouteSubject {
  readonly target: ContainerTarget;
  readonly node: string;
  readonly reason: string;
  readonly wish: PodWish;
  readonly live?: LiveWish | undefined;
}

export function podRoute(api: Endpoint, { target, node, reason, wish, live }: PodRouteSubject): CaptureRoute {
  const never = new AbortController().signal;
  const options = (watch: TakeWatch): PodCaptureOptions => ({
    node,
    ...wish,
    args: [formatTarget(target), ...wishArguments(live)],
    signal: watch.signal ?? never,
    tell: (text) => watch.onNote?.(text),
    onLine: (line) => watch.onNote?.(`on ${node}: ${line}`),
    onProgress: (progress) => watch.onStage?.(stageOf(progress)),
    upload: live?.upload,
    onUpload: (outcome) => watch.onUpload?.(outcome),
    onStored: (done, total) => watch.onStage?.(uploadStage(done, total)),
  });
  return {
    name: 'node',
    makesPod: true,
    reason,
    endpoint: `a pod in namespace ${wish.helper.namespace} on node ${node}`,
    trust: 'its processes were read on its node by a pod that was made there for it, without CRIU',
    probe: () => probePodCapture(api, options({})),
    take: async (watch = {}) => {
      const { path, isHere } = await capturePod(api, options(watch));
      if (isHere) await tellRecord(path, watch);
      return path;
    },
  };
}

function wishArguments({ freeze, allPages, maxFreeze }: LiveWish = {}): readonly string[] {
  return [
    ...(freeze === false ? ['--no-freeze'] : []),
    ...(allPages === true ? ['--all-pages'] : []),
    ...(maxFreeze === undefined ? [] : ['--max-freeze', `${maxFreeze}ms`]),
  ];
}

const MEBIBYTE = 2 ** 20;

function stageOf({ stage, done, total }: TransferProgress): string {
  if (stage === 'hashing') return 'it runs again: hashing the archive on both sides';
  const mebibytes = (bytes: number): string => (bytes / MEBIBYTE).toFixed(0);
  return `it runs again: ${mebibytes(done)} of ${mebibytes(total)} MiB of the archive are here`;
}

/** What the archive says of how it was taken; one that does not say so in a way that can be read is kept as it is. */
async function tellRecord(file: string, { onRecord }: TakeWatch): Promise<void> {
  if (onRecord === undefined) return;
  const source = await openFileSource(file);
  try {
    const index = await openArchive(source);
    const entry = index.find(CAPTURE_RECORD);
    if (entry === undefined || entry.size > MAX_RECORD_BYTES) return;
    onRecord(parseCaptureRecord(await index.open(entry).read(0, entry.size)));
  } finally {
    await source.close();
  }
}
