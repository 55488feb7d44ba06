/** Plans the capture of a container that Podman runs on this machine: it belongs to no pod and no cluster. */
import { rm } from 'node:fs/promises';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { CapturePlan } from '../capture-plan.ts';
import { createCheckpointFile } from '../checkpoint-file.ts';
import type { CaptureRoute } from '../route.ts';
import { explainPodman } from './podman-answer.ts';
import { inspectContainer, type PodmanContainer } from './podman-container.ts';
import { runPodman } from './podman-program.ts';

/** As `podman container checkpoint --compress` takes them. */
export const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

export interface PodmanOptions {
  /** The folder that the archive is written to. */
  readonly folder: string;
  /** Default: none, which keeps the container standing still for the shortest time. */
  readonly compression?: Compression | undefined;
}

/** By name or id. Nothing is changed. Throws `CONTAINER_NOT_FOUND`, `CONTAINER_NOT_RUNNING`, `NO_ROUTE`. */
export async function planPodmanCapture(name: string, options: PodmanOptions): Promise<CapturePlan> {
  const container = await inspectContainer(name);
  const { id, summary, dumpLog } = container;
  if (summary.state !== 'running') {
    const what = `${summary.name} is not running (${summary.reason ?? summary.state})`;
    throw new ExhibitError('CONTAINER_NOT_RUNNING', `${what}: only a running container can be checkpointed`);
  }
  return {
    target: { container: summary.name },
    routes: [podmanRoute(container, options)],
    notTaken: [],
    pod: undefined,
    container: summary,
    containerId: id,
    dumpLog,
    preflight: { given: GIVEN, archiveFolder: options.folder },
    notes: [],
    look: async () => ({ status: (await inspectContainer(id).catch(() => undefined))?.summary }),
  };
}

/**
 * Established connections and file locks are no reason not to capture: what runc.conf must allow for a pod's container
 * is a flag of Podman's, and has no effect where there are none.
 */
const GIVEN = ['tcp-established', 'file-locks'];
const FLAGS = ['--leave-running', ...GIVEN.map((name) => `--${name}`)];

function podmanRoute(
  { id, summary: { name } }: PodmanContainer,
  { folder, compression = 'none' }: PodmanOptions,
): CaptureRoute {
  return {
    name: 'podman',
    reason: '--via podman was asked for',
    endpoint: 'podman',
    trust: 'Podman was run on this machine',
    // Podman has answered already, and has the container.
    probe: async () => undefined,
    take: async () => {
      const file = await createCheckpointFile(name, new Date(), folder);
      const options = [...FLAGS, `--compress=${compression}`, `--export=${file}`];
      const result = await runPodman(['container', 'checkpoint', ...options, id]);
      if (result.code === 0) return file;
      // What a failed dump left of it is no archive.
      await rm(file, { force: true });
      throw explainPodman(result, name);
    },
  };
}
