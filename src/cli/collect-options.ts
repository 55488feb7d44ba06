/** Options of the commands that read nodes through a helper pod: `collect` and `list --nodes`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { CollectSettings } from '../capture/collect/collect.ts';
import type { HelperPodOptions } from '../capture/collect/helper-pod.ts';
import { type ClusterAccess, openKubeconfig } from '../capture/kubeconfig.ts';
import type { Io } from './io.ts';

/** Every kubelet's, those of k3s and RKE2 too: `checkpoints` below its root directory. */
const DEFAULT_CHECKPOINTS_DIR = '/var/lib/kubelet/checkpoints';

/** Small, on Docker Hub and in most mirrors; a cluster without them names its own. */
const DEFAULT_IMAGE = 'docker.io/library/busybox:1.37';

export interface HelperCommandOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly image?: string;
  readonly imagePullPolicy: HelperPodOptions['imagePullPolicy'];
  readonly helperNamespace?: string;
  readonly checkpointsDir: string;
}

export const imagePullPolicyOption = (): Option =>
  new Option('--image-pull-policy <policy>', 'when the node fetches that image')
    .choices(['Always', 'IfNotPresent', 'Never'])
    .default('IfNotPresent');

export function addHelperOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', "kubeconfig (default: KUBECONFIG, ~/.kube/config, then this node's)")
    .option('--context <name>', 'context of the kubeconfig')
    .option(
      '--image <image>',
      `image of the helper pod, with sh, find, stat, dd and sha256sum (default: EXHIBIT_COLLECT_IMAGE, then ${DEFAULT_IMAGE})`,
    )
    .addOption(imagePullPolicyOption())
    .option(
      '--helper-namespace <namespace>',
      "namespace of the helper pod (default: the kubeconfig context's); its Pod Security level must allow hostPath",
      parseNamespace,
    )
    .option(
      '--checkpoints-dir <dir>',
      "the kubelets' checkpoints folder on the nodes",
      DEFAULT_CHECKPOINTS_DIR,
    );
}

/** RFC 1123 label: it becomes part of a URL's path. */
export function parseNamespace(text: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('It is no name of a namespace.');
}

/** The cluster. Throws `NO_ROUTE` where there is no kubeconfig. */
export async function openCluster(options: HelperCommandOptions, io: Io): Promise<ClusterAccess> {
  const access = await openKubeconfig(options, io.environment);
  if (access !== undefined) return access;
  throw new ExhibitError(
    'NO_ROUTE',
    'archives are fetched from nodes through the API server: that needs a kubeconfig',
    {
      help: ['--kubeconfig FILE, KUBECONFIG or ~/.kube/config'],
    },
  );
}

export function collectSettings(
  options: HelperCommandOptions,
  access: ClusterAccess,
  io: Io,
  watch: Pick<CollectSettings, 'signal' | 'tell'>,
): CollectSettings {
  return {
    helper: {
      namespace: options.helperNamespace ?? access.namespace ?? 'default',
      image: options.image ?? io.environment.EXHIBIT_COLLECT_IMAGE ?? DEFAULT_IMAGE,
      imagePullPolicy: options.imagePullPolicy,
    },
    folder: options.checkpointsDir,
    ...watch,
  };
}
