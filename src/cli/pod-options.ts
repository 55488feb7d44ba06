/** Options of a capture without CRIU from elsewhere, which a pod on the container's node takes. */
import path from 'node:path';
import type { Command } from 'commander';
import { CHECKPOINTS_FOLDER } from '../capture/checkpoint-file.ts';
import type { HelperPodOptions } from '../capture/collect/helper-pod.ts';
import type { PodWish } from '../capture/live/pod/pod-route.ts';
import { imagePullPolicyOption, parseNamespace } from './collect-options.ts';
import type { Io } from './io.ts';

/** What `addPodOptions` adds, as commander parses it. */
export interface PodFlags {
  readonly outputDir?: string;
  /** False with --no-pod. */
  readonly pod: boolean;
  readonly keepOnNode?: true;
  readonly image?: string;
  readonly imagePullPolicy: HelperPodOptions['imagePullPolicy'];
  readonly helperNamespace?: string;
}

/** What `npm run image` makes. */
const DEFAULT_IMAGE = `localhost/exhibit:${process.env.EXHIBIT_VERSION ?? 'development'}`;

export function addPodOptions(command: Command): Command {
  return command
    .option('--no-pod', 'make no privileged pod on the node, even where it cannot checkpoint')
    .option(
      '--keep-on-node',
      'with node, from elsewhere: leave the archive in the folder of the kubelet there',
    )
    .option(
      '--image <image>',
      `with node, from elsewhere: image of exhibit for the pod (default: EXHIBIT_IMAGE, then ${DEFAULT_IMAGE})`,
    )
    .addOption(imagePullPolicyOption())
    .option(
      '--helper-namespace <namespace>',
      "namespace of that pod (default: the kubeconfig context's); its Pod Security level must allow privileged pods",
      parseNamespace,
    );
}

/** `namespace` is the one of the kubeconfig's context. */
export function podWish(flags: PodFlags, namespace: string | undefined, io: Io): PodWish {
  const { keepOnNode, image, imagePullPolicy, helperNamespace, outputDir = '.' } = flags;
  return {
    helper: {
      namespace: helperNamespace ?? namespace ?? 'default',
      image: image ?? io.environment.EXHIBIT_IMAGE ?? DEFAULT_IMAGE,
      imagePullPolicy,
    },
    destination: keepOnNode
      ? { onNode: CHECKPOINTS_FOLDER }
      : { here: path.resolve(io.workingDirectory, outputDir) },
    isAsked: keepOnNode === true || image !== undefined || helperNamespace !== undefined,
  };
}
