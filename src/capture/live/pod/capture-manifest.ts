/**
 * The pod that captures a container of its node without CRIU. It sees the node's processes and may do with them what root
 * may, which is what such a capture takes; of the node's files it can write control groups, and the folder for archives if
 * the archive is to stay there. Facts: Kubernetes API reference, Pod v1.
 */
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { type HelperPodOptions, helperMetadata, MOUNT_PATH } from '../../collect/helper-pod.ts';

export interface CaptureManifestOptions extends Omit<HelperPodOptions, 'folder'> {
  /** For `exhibit capture`, as the pod runs it. */
  readonly args: readonly string[];
  /** The kubelet's checkpoints folder, where the archive is to stay on the node. */
  readonly keptIn: string | undefined;
}

const CONTAINER = 'capture';
/** How far the capture is, and locks. */
const WORK_PATH = '/work';
export const NODE_PROGRAM = '/bin/node';
export const POD_PROGRAM = '/exhibit/dist/programs/capture-pod.js';

/**
 * Sockets and files of the runtime; root file systems, logs and the runtime's documents. At the paths that they have on the
 * node, so that what names them there is right here.
 */
const SEEN = ['/run', '/var'] as const;
const CONTROL_GROUPS = '/sys/fs/cgroup';

/** Throws `UNSAFE_PATH` for a folder to keep the archive in that cannot be. */
export function captureManifest(options: CaptureManifestOptions) {
  const { node, image, imagePullPolicy, deadlineSeconds, args, keptIn } = options;
  const volumes = [
    ...SEEN.map((path) => hostFolder(path, path, true)),
    hostFolder(CONTROL_GROUPS, CONTROL_GROUPS, false),
    emptyFolder('work', WORK_PATH),
    keptIn === undefined ? emptyFolder('spool', MOUNT_PATH) : keepingFolder(keptIn),
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: helperMetadata(options, 'capture'),
    spec: {
      nodeName: node,
      restartPolicy: 'Never',
      activeDeadlineSeconds: deadlineSeconds,
      // Time to thaw and to say so; a guard does it if this is not enough.
      terminationGracePeriodSeconds: 5,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      hostPID: true,
      // The node's own hostname, and no wait for an address.
      hostNetwork: true,
      dnsPolicy: 'Default',
      // A node under suspicion is often cordoned and tainted.
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: CONTAINER,
          image,
          imagePullPolicy,
          command: [NODE_PROGRAM, POD_PROGRAM, 'run', ...args],
          env: [{ name: 'TMPDIR', value: WORK_PATH }],
          // Little is asked for, so that it is the first to go where the node runs short; the limit keeps it small.
          resources: {
            requests: { cpu: '10m', memory: '64Mi' },
            limits: { cpu: '2', memory: '256Mi' },
          },
          securityContext: { privileged: true, runAsUser: 0, readOnlyRootFilesystem: true },
          volumeMounts: volumes.map(({ mount }) => mount),
        },
      ],
      volumes: volumes.map(({ volume }) => volume),
    },
  } as const;
}

function hostFolder(path: string, mountPath: string, readOnly: boolean) {
  const name = `host${path.replaceAll('/', '-')}`;
  return {
    volume: { name, hostPath: { path, type: 'Directory' } },
    mount: { name, mountPath, readOnly },
  };
}

function emptyFolder(name: string, mountPath: string) {
  return { volume: { name, emptyDir: {} }, mount: { name, mountPath, readOnly: false } };
}

/** An absolute path of whole names. */
const PLAIN_FOLDER = /^(\/[A-Za-z0-9_@%+=:,-][A-Za-z0-9_.@%+=:,-]*)+$/;

function keepingFolder(path: string) {
  if (!PLAIN_FOLDER.test(path)) {
    const message = 'the checkpoints folder must be a plain absolute path below /';
    throw new ExhibitError('UNSAFE_PATH', message, { source: path });
  }
  // A node that nothing was captured on has none yet.
  const volume = { name: 'spool', hostPath: { path, type: 'DirectoryOrCreate' } };
  return { volume, mount: { name: 'spool', mountPath: MOUNT_PATH, readOnly: false } };
}
