/**
 * The pod through which archives leave a node. It may read one folder of the node, and nothing else: no network identity,
 * no capability, no way to write. Facts: Kubernetes API reference, Pod v1.
 */
import { ExhibitError } from '../../bytes/exhibit-error.ts';

export interface HelperPodOptions {
  /** The node's name in the cluster; the pod is put there without a scheduler. */
  readonly node: string;
  readonly namespace: string;
  /** Ends the names of two runs' pods differently: lower-case letters and digits. */
  readonly suffix: string;
  /** Which run of ours it belongs to, so that a later one knows a left pod; see owner.ts. */
  readonly owner: string;
  /** Needs sh, find, stat, dd and sha256sum, as busybox has them. */
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** The kubelet's checkpoints folder on the node. */
  readonly folder: string;
  /** After so many seconds the kubelet ends the pod, whatever became of us. */
  readonly deadlineSeconds: number;
}

/** Where the pod sees the checkpoints folder. */
export const MOUNT_PATH = '/checkpoints';
/** The name of its only container. */
export const HELPER_CONTAINER = 'reader';

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const COMPONENT = 'app.kubernetes.io/component';
/** Finds the helper pods of all runs, whatever they are for. */
export const HELPER_SELECTOR = `${MANAGED_BY}=exhibit,${COMPONENT} in (collect,capture)`;
export const OWNER_ANNOTATION = 'exhibit/owner';

/** What is needed of any helper pod's manifest to make it, to watch it and to run programs in it. */
export interface HelperPod {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly nodeName: string;
    readonly activeDeadlineSeconds: number;
    readonly containers: readonly [HelperContainer];
  };
}

interface HelperContainer {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: HelperPodOptions['imagePullPolicy'];
}

/** The metadata of a helper pod. */
export function helperMetadata(
  { namespace, suffix, owner }: Pick<HelperPodOptions, 'namespace' | 'suffix' | 'owner'>,
  component: 'collect' | 'capture',
) {
  return {
    name: `exhibit-${component}-${suffix}`,
    namespace,
    labels: { [MANAGED_BY]: 'exhibit', [COMPONENT]: component },
    annotations: { [OWNER_ANNOTATION]: owner },
  };
}

/** An absolute path of whole names: `..`, `//` and control characters could lead elsewhere than it reads. */
const PLAIN_FOLDER = /^(\/[A-Za-z0-9_@%+=:,-][A-Za-z0-9_.@%+=:,-]*)+$/;

/** The manifest of a helper pod. A folder that is not plainly one is `UNSAFE_PATH`. */
export function helperPod(options: HelperPodOptions) {
  const { node, image, imagePullPolicy, folder, deadlineSeconds } = options;
  if (!PLAIN_FOLDER.test(folder)) {
    const message = 'the checkpoints folder must be a plain absolute path below /';
    throw new ExhibitError('UNSAFE_PATH', message, { source: folder });
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: helperMetadata(options, 'collect'),
    spec: {
      nodeName: node,
      restartPolicy: 'Never',
      activeDeadlineSeconds: deadlineSeconds,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // A node under suspicion is often cordoned and tainted.
      tolerations: [{ operator: 'Exists' }],
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: HELPER_CONTAINER,
          image,
          imagePullPolicy,
          command: ['sh', '-c', `sleep ${deadlineSeconds}`],
          resources: {
            requests: { cpu: '10m', memory: '16Mi' },
            limits: { cpu: '1', memory: '64Mi' },
          },
          securityContext: {
            // The folder is root's with mode 0700, so root reads it as its owner. DAC_READ_SEARCH is left out on purpose:
            // with it open_by_handle_at reaches every file of the node, past the mount.
            runAsUser: 0,
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [{ name: 'checkpoints', mountPath: MOUNT_PATH, readOnly: true }],
        },
      ],
      // `Directory`: the node's kubelet must not make the folder when it is not there.
      volumes: [{ name: 'checkpoints', hostPath: { path: folder, type: 'Directory' } }],
    },
  } as const;
}
