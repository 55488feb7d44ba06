/** Whether a doctor looks at this node or at a cluster. */
import { stat } from 'node:fs/promises';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { type ClusterAccess, type KubeconfigOptions, openKubeconfig } from '../../kubeconfig.ts';

export interface ClusterChoice extends KubeconfigOptions {
  /** `--cluster`: the cluster, also on a node. */
  readonly cluster?: boolean | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The kubelet's folder: wherever one runs, whatever the distribution. */
const KUBELET_FOLDER = '/var/lib/kubelet';

/**
 * The cluster to look at: where one is asked for, or where a kubeconfig is found and this machine is no node. Undefined:
 * this machine. Throws `NO_ROUTE` where a cluster is asked for and there is no kubeconfig, and `BAD_KUBECONFIG`.
 */
export async function chooseCluster(
  options: ClusterChoice,
  environment: Environment,
  isNode: () => Promise<boolean> = hasKubeletFolder,
): Promise<ClusterAccess | undefined> {
  const isAsked =
    options.cluster === true || options.kubeconfig !== undefined || options.context !== undefined;
  if (!isAsked && (await isNode())) return undefined;
  const cluster = await openKubeconfig(options, environment);
  if (cluster === undefined && isAsked) {
    throw new ExhibitError('NO_ROUTE', 'there is no kubeconfig: give --kubeconfig FILE, or set KUBECONFIG');
  }
  return cluster;
}

const hasKubeletFolder = (): Promise<boolean> =>
  stat(KUBELET_FOLDER).then(
    () => true,
    () => false,
  );
