/** A capture without CRIU from elsewhere: a pod on the container's node takes it, and its archive comes here. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { findNode } from '../../cluster/nodes.ts';
import { MOUNT_PATH } from '../../collect/helper-pod.ts';
import { HelperSession } from '../../collect/helper-session.ts';
import { localName } from '../../collect/naming.ts';
import type { NodeShell } from '../../collect/node-folder.ts';
import { findFile } from '../../collect/node-folder.ts';
import type { HelperSettings } from '../../collect/node-reader.ts';
import { ownOwner } from '../../collect/owner.ts';
import { partPath } from '../../collect/part-file.ts';
import { type TransferProgress, transfer } from '../../collect/transfer.ts';
import type { Endpoint } from '../../https-client.ts';
import { attemptUpload, type UploadOutcome, type UploadWish } from '../../upload/upload-archive.ts';
import { uploadInPod } from '../../upload/upload-in-pod.ts';
import { captureManifest, NODE_PROGRAM, POD_PROGRAM } from './capture-manifest.ts';
import type { PodArchive } from './pod-end.ts';
import { runInSamePod, watchPodCapture } from './pod-watch.ts';

export interface PodCaptureOptions {
  readonly node: string;
  readonly helper: HelperSettings;
  /** For `exhibit capture` on the node: the container and what is wished. */
  readonly args: readonly string[];
  /** A folder here; or the node's own, where the archive then stays. */
  readonly destination: { readonly here: string } | { readonly onNode: string };
  /** To a store, from the pod itself. */
  readonly upload?: UploadWish | undefined;
  readonly onUpload: (outcome: UploadOutcome) => void;
  /** Bytes that are stored, and of how many. */
  readonly onStored: (done: number, total: number) => void;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
  /** A line that the capture says; not escaped. */
  readonly onLine: (line: string) => void;
  readonly onProgress: (progress: TransferProgress) => void;
}

/** Longer than a capture of any size takes and its transfer over a slow line; then the kubelet ends the pod. */
const POD_DEADLINE_SECONDS = 3600;

/** What keeps a pod from being made, without making one. Throws what `HelperSession.probe` throws, `NODE_NOT_FOUND`. */
export async function probePodCapture(api: Endpoint, options: PodCaptureOptions): Promise<void> {
  await ensureReady(api, options.node);
  await sessionOf(api, options).probe();
}

export interface CapturedByPod {
  /** Of the archive; of one that is only in a store, its URL without the query. */
  readonly path: string;
  readonly isHere: boolean;
}

/**
 * Where the archive is. Whatever happens, the pod is removed, and the container runs: the pod's program
 * lets it run, and a guard on the node if that is killed.
 */
export async function capturePod(api: Endpoint, options: PodCaptureOptions): Promise<CapturedByPod> {
  await ensureReady(api, options.node);
  const session = sessionOf(api, options);
  const { destination } = options;
  try {
    await session.open();
    const archive = await watchPodCapture(session, options);
    const stored = options.upload && (await store(session, archive, options.upload, options));
    if (stored !== undefined) return { path: stored, isHere: false };
    if ('onNode' in destination) return { path: `${destination.onNode}/${archive.name}`, isHere: false };
    return { path: await bring(session, archive, destination.here, options), isHere: true };
  } finally {
    await session.close();
  }
}

/** The URL without its query, where the archive is to be nowhere else; undefined where it is, or could not be stored. */
async function store(
  session: HelperSession,
  { name, size, sha256 }: PodArchive,
  { target, keeps }: UploadWish,
  { signal, tell, onUpload, onStored }: PodCaptureOptions,
): Promise<string | undefined> {
  const argv = [NODE_PROGRAM, POD_PROGRAM, 'upload', `${MOUNT_PATH}/${name}`];
  const outcome = await attemptUpload(target, { size, sha256 }, () =>
    uploadInPod(
      { ...target, size, sha256 },
      {
        signal,
        tell,
        onProgress: (done) => onStored(done, size),
        run: (input, onOutput) => runInSamePod(session, argv, onOutput, input),
      },
    ),
  );
  onUpload(outcome);
  return outcome.failed === undefined && !keeps ? outcome.to : undefined;
}

async function ensureReady(api: Endpoint, node: string): Promise<void> {
  if ((await findNode(api, node)).ready) return;
  throw new ExhibitError('HELPER_POD_FAILED', `node ${node} is not ready: no pod would run there`);
}

function sessionOf(api: Endpoint, options: PodCaptureOptions): HelperSession {
  const { node, helper, args, destination, signal, tell } = options;
  const manifest = async () =>
    captureManifest({
      ...helper,
      node,
      args,
      suffix: randomBytes(5).toString('hex'),
      owner: await ownOwner(),
      deadlineSeconds: POD_DEADLINE_SECONDS,
      keptIn: 'onNode' in destination ? destination.onNode : undefined,
    });
  return new HelperSession(api, { namespace: helper.namespace, words: WORDS, manifest, signal, tell });
}

const WORDS = {
  asks: "is privileged and sees the node's processes, without which nobody reads another's memory",
  imageHelp: [
    'It takes an image of exhibit of the same version, which "npm run image" makes: --image IMAGE, or EXHIBIT_IMAGE',
  ],
} as const;

async function bring(
  session: HelperSession,
  { name, sha256, size }: PodArchive,
  folder: string,
  { node, signal, tell, onProgress }: PodCaptureOptions,
): Promise<string> {
  const shell: NodeShell = {
    node,
    folder: '',
    signal,
    tell,
    run: ({ command, args, onOutput }) =>
      runInSamePod(session, [NODE_PROGRAM, POD_PROGRAM, command, ...args], onOutput),
  };
  const final = path.join(folder, localName(name));
  try {
    const found = await findFile(shell, name);
    if (found?.size !== size) throw otherArchive(name);
    const arrived = await transfer(shell, found, { folder, force: false, onProgress });
    if (arrived.sha256 !== sha256) throw otherArchive(name);
    return arrived.file;
  } catch (error) {
    // The pod goes, and with it what the rest could be fetched from.
    await rm(partPath(final), { force: true });
    throw withWayOn(error);
  }
}

const otherArchive = (name: string): ExhibitError =>
  new ExhibitError('ARCHIVE_CHANGED', `${name} is not as the capture pod said that it had written it`);

function withWayOn(error: unknown): unknown {
  if (!(error instanceof ExhibitError)) return error;
  const help = [
    'The archive was in the capture pod and is gone with it; the container runs.',
    'To keep it on the node, from where "exhibit collect" goes on after a cut: --keep-on-node',
  ];
  return new ExhibitError(error.code, error.message, { help, cause: error });
}
