/** The way past the kubelet: the runtime's own socket, on the node, as root. */
import { rm, stat } from 'node:fs/promises';
import { createCheckpointFile } from '../checkpoint-file.ts';
import { explainRuntimeRefusal } from '../kubelet-answer.ts';
import type { CaptureRoute } from '../route.ts';
import type { ContainerTarget } from '../target.ts';
import type { ContainerRuntime } from './runtime.ts';

export interface CriOptions {
  readonly target: ContainerTarget;
  /** The runtime's id of the container. */
  readonly containerId: string;
  readonly reason: string;
  readonly timeoutSeconds: number;
  /** For the archive; default: the kubelet's. */
  readonly folder?: string;
}

export function criRoute(
  runtime: ContainerRuntime,
  { target, containerId, reason, timeoutSeconds, folder }: CriOptions,
): CaptureRoute {
  return {
    name: 'cri',
    reason,
    endpoint: `unix://${runtime.socket}`,
    trust: `${runtime.name} ${runtime.version} was asked over its socket on this machine`,
    // Its runtime has answered already, and has the container.
    probe: async () => undefined,
    take: async () => {
      const { namespace, pod, container } = target;
      const file = await createCheckpointFile(`${pod}_${namespace}-${container}`, new Date(), folder);
      const { status, message } = await runtime.checkpoint(containerId, file, timeoutSeconds);
      // A runtime that sees other files than we do, as from within a container, has written the archive among those.
      if (status === 'OK' && (await stat(file)).size === 0) await rm(file);
      if (status === 'OK') return file;
      // What a failed dump left of it is no archive.
      await rm(file, { force: true });
      throw explainRuntimeRefusal(`rpc error: code = ${status} desc = ${message}`, target);
    },
  };
}
