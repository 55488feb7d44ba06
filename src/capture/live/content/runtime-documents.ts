/**
 * The JSON files that containerd lays into an archive: spec.dump (the OCI runtime's config.json), config.dump, `status` (its own
 * record) and status.dump (CRI's ContainerStatus). Facts: containerd 2.1, internal/cri/server/container_checkpoint_linux.go, and
 * recorded archives. Where a runtime keeps no such file, what the processes themselves show stands in their place.
 */
import { statSync } from 'node:fs';
import type { RuntimeContainer, RuntimePod } from '../../cri/runtime.ts';
import type { GatheredContainer, GatheredProcess } from '../look/gathered.ts';
import { readBytes } from '../look/proc-reader.ts';
import { parseMountInfo } from '../proc/mount-info.ts';
import { bytesItem, type ContentItem } from './content-item.ts';
import { nodePath } from './node-path.ts';

/** What is known of the container by whoever runs it; nothing of one that is known by a process only. */
export interface RuntimeKnowledge {
  readonly id?: string | undefined;
  readonly container?: RuntimeContainer | undefined;
  readonly pod?: RuntimePod | undefined;
}

/** Where containerd and its like keep the OCI config of a container that runs, and containerd its record of it. */
const SPEC_FILES = [
  'run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json',
  'run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json',
  'run/containerd/io.containerd.runtime.v2.task/moby/ID/config.json',
  'run/containers/storage/overlay-containers/ID/userdata/config.json',
  'var/run/containers/storage/overlay-containers/ID/userdata/config.json',
  'var/lib/containers/storage/overlay-containers/ID/userdata/config.json',
] as const;
const STATUS_FILES = [
  'var/lib/containerd/io.containerd.grpc.v1.cri/containers/ID/status',
  'var/lib/rancher/k3s/agent/containerd/io.containerd.grpc.v1.cri/containers/ID/status',
] as const;
/** Where an upper layer lies in containerd's own folder, wherever that is. */
const SNAPSHOTS = /^upperdir=\/(.*)\/io\.containerd\.snapshotter\.v1\./;

const CRI_ANNOTATION = 'io.kubernetes.cri.';

/** The OCI config, as far as it is used here. */
interface OciSpec {
  readonly annotations?: Readonly<Record<string, string>> | null;
  readonly process?: { readonly args?: readonly string[] | null } | null;
}

/** The items; `nodeRoot` is where the node's own root filesystem is: empty on the node. */
export function runtimeDocuments(
  container: GatheredContainer,
  known: RuntimeKnowledge,
  captured: Date,
  gaps: string[],
  nodeRoot = '',
): readonly ContentItem[] {
  const spec = readFirst(SPEC_FILES, known.id, nodeRoot);
  if (spec === undefined)
    gaps.push("the runtime's config.json was not found: spec.dump has what the first process shows");
  const text = spec ?? jsonBytes(specOf(container));
  const status = readFirst(statusFiles(container), known.id, nodeRoot);
  const names = namesOf(text, known);
  return [
    bytesItem('spec.dump', text),
    bytesItem('config.dump', jsonBytes(configOf(names, known, captured))),
    ...(status === undefined ? [] : [bytesItem('status', status)]),
    ...(known.container === undefined ? [] : [bytesItem('status.dump', jsonBytes(statusOf(names, known)))]),
  ];
}

function statusFiles({ processes: [first] }: GatheredContainer): readonly string[] {
  const root = parseMountInfo(first?.files.mountinfo).findLast(({ mountPoint }) => mountPoint === '/');
  const folders = (root?.superOptions ?? []).flatMap((option) => SNAPSHOTS.exec(option)?.[1] ?? []);
  return [
    ...folders.map((folder) => `${folder}/io.containerd.grpc.v1.cri/containers/ID/status`),
    ...STATUS_FILES,
  ];
}

function readFirst(
  places: readonly string[],
  id: string | undefined,
  nodeRoot: string,
): Uint8Array | undefined {
  // An id becomes part of a path: only what runtimes give is one.
  if (id === undefined || !/^[0-9a-f]{12,64}$/.test(id)) return undefined;
  const files = places.map((place) => nodePath(nodeRoot, `/${place.replace('ID', id)}`));
  // The path is partly the container's: opening a FIFO would wait.
  const file = files.find((each) => statSync(each, { throwIfNoEntry: false })?.isFile());
  return file === undefined ? undefined : readBytes(file);
}

interface Names {
  readonly container: string;
  readonly pod: string | undefined;
  readonly namespace: string | undefined;
  readonly uid: string | undefined;
  readonly image: string;
}

/** The runtime is asked first; the annotations are containerd's. */
function namesOf(spec: Uint8Array, { id, container, pod }: RuntimeKnowledge): Names {
  const annotation = (name: string): string | undefined => annotationsOf(spec)[CRI_ANNOTATION + name];
  return {
    container: container?.name ?? annotation('container-name') ?? id ?? '',
    pod: pod?.name ?? annotation('sandbox-name'),
    namespace: pod?.namespace ?? annotation('sandbox-namespace'),
    uid: pod?.uid ?? annotation('sandbox-uid'),
    image: container?.image ?? annotation('image-name') ?? '',
  };
}

function annotationsOf(spec: Uint8Array): Readonly<Record<string, string>> {
  try {
    return (JSON.parse(new TextDecoder().decode(spec)) as OciSpec | null)?.annotations ?? {};
  } catch {
    return {};
  }
}

/** containerd joins container, pod, namespace, UID and attempt by `_` (internal/cri/server/helpers.go). */
function configOf(names: Names, { id, container }: RuntimeKnowledge, captured: Date) {
  const { pod, namespace, uid } = names;
  const isPods = pod !== undefined && namespace !== undefined && uid !== undefined;
  const attempt = container?.attempt ?? 0;
  return {
    id: id ?? '',
    name: isPods ? [names.container, pod, namespace, uid, attempt].join('_') : names.container,
    rootfsImage: names.image,
    rootfsImageRef: container?.imageRef ?? '',
    rootfsImageName: names.image,
    runtime: '',
    createdTime: container === undefined ? GO_ZERO_TIME : timeOf(container.created),
    checkpointedTime: captured.toISOString(),
    restoredTime: GO_ZERO_TIME,
    restored: false,
  };
}

/** How Go writes a time that is not set. */
const GO_ZERO_TIME = '0001-01-01T00:00:00Z';
const NANOSECONDS = 1_000_000n;

const timeOf = (nanoseconds: bigint): string => new Date(Number(nanoseconds / NANOSECONDS)).toISOString();

/** CRI's ContainerStatus; CONTAINER_RUNNING is 1. */
function statusOf({ container, pod, namespace, uid, image }: Names, known: RuntimeKnowledge) {
  return {
    id: known.id,
    metadata: { name: container, attempt: known.container?.attempt ?? 0 },
    state: 1,
    created_at: Number(known.container?.created ?? 0n),
    image: { image },
    image_ref: known.container?.imageRef ?? '',
    labels: {
      'io.kubernetes.container.name': container,
      'io.kubernetes.pod.name': pod,
      'io.kubernetes.pod.namespace': namespace,
      'io.kubernetes.pod.uid': uid,
    },
  };
}

/** What an OCI config would say of the process, for a container of which no runtime is known. */
function specOf({ processes: [first], node }: GatheredContainer) {
  return {
    ociVersion: '1.2.0',
    process: {
      args: textList(first?.commandLine),
      env: textList(first?.environment),
      cwd: first?.workingDirectory?.link ?? '/',
    },
    root: { path: first?.root?.link ?? '/' },
    hostname: hostnameOf(first) ?? node.hostname,
    annotations: {},
  };
}

const textList = (bytes: Uint8Array | undefined): readonly string[] =>
  new TextDecoder().decode(bytes).split('\0').slice(0, -1);

/** Kubernetes tells a container its hostname by its environment. */
const hostnameOf = (first: GatheredProcess | undefined): string | undefined =>
  textList(first?.environment)
    .find((each) => each.startsWith('HOSTNAME='))
    ?.slice('HOSTNAME='.length);

const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
