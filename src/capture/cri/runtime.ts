/**
 * A node's container runtime, asked over its socket as the kubelet asks it.
 * Source of names and numbers: https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto
 */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { callRuntime, type GrpcAnswer } from './grpc.ts';
import {
  decodeMessage,
  encodeMessage,
  type Field,
  integerOf,
  type Message,
  messageOf,
  messagesOf,
  textMapOf,
  textOf,
} from './wire.ts';

export type Labels = Readonly<Record<string, string>>;

/** A PodSandbox: what the runtime knows of a pod. */
export interface RuntimePod {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly isReady: boolean;
  /** Nanoseconds since 1970. */
  readonly created: bigint;
  readonly labels: Labels;
}

export type RuntimeContainerState = 'created' | 'running' | 'exited' | 'unknown';

export interface RuntimeContainer {
  readonly id: string;
  /** Of the RuntimePod that it belongs to. */
  readonly podId: string;
  readonly name: string;
  /** How often it was started anew, from 0. */
  readonly attempt: number;
  readonly image: string;
  /** The image's digest. */
  readonly imageRef: string;
  readonly state: RuntimeContainerState;
  /** Nanoseconds since 1970. */
  readonly created: bigint;
}

export interface ContainerRuntime {
  /** Path of its socket. */
  readonly socket: string;
  /** `containerd`, `cri-o`. */
  readonly name: string;
  readonly version: string;
  /** Those that have all of these labels. */
  pods(labels?: Labels): Promise<readonly RuntimePod[]>;
  containers(labels?: Labels): Promise<readonly RuntimeContainer[]>;
  /**
   * Writes a checkpoint of a running container to an absolute path on the node. Nothing cancels it. The runtime's
   * refusal is a value: the caller knows what it means for the capture.
   */
  checkpoint(id: string, location: string, timeoutSeconds: number): Promise<GrpcAnswer>;
}

/** Connects to a runtime. Throws `CONNECTION_FAILED`, or `CHECKPOINT_UNSUPPORTED` where it does not speak CRI. */
export async function openRuntime(socket: string): Promise<ContainerRuntime> {
  const version = decodeMessage(await ask(socket, 'Version', []));
  const list = async (method: string, filter: readonly Field[]): Promise<readonly Message[]> =>
    messagesOf(decodeMessage(await ask(socket, method, [[1, encodeMessage(filter)]])), 1);
  return {
    socket,
    name: textOf(version, 2) ?? 'unknown',
    version: textOf(version, 3) ?? '',
    // Both filters: label_selector; PodSandboxFilter has it at 3, ContainerFilter at 4.
    pods: async (labels = {}) => (await list('ListPodSandbox', labelFields(3, labels))).map(readPod),
    containers: async (labels = {}) =>
      (await list('ListContainers', labelFields(4, labels))).map(readContainer),
    checkpoint: (id, location, timeoutSeconds) => {
      const fields: readonly Field[] = [
        [1, id],
        [2, location],
        [3, BigInt(timeoutSeconds)],
      ];
      return callRuntime(socket, 'CheckpointContainer', encodeMessage(fields));
    },
  };
}

async function ask(socket: string, method: string, fields: readonly Field[]): Promise<Uint8Array> {
  const { status, message, body } = await callRuntime(socket, method, encodeMessage(fields));
  if (status === 'OK') return body;
  if (status === 'Unimplemented') {
    // Docker's own containerd has its CRI plugin off.
    const what = `the runtime at ${socket} does not speak CRI v1, which the kubelet needs (${message})`;
    throw new ExhibitError('CHECKPOINT_UNSUPPORTED', what);
  }
  throw new ExhibitError('API_FAILED', `the runtime at ${socket} refuses ${method}: ${status}: ${message}`);
}

const labelFields = (number: number, labels: Labels): readonly Field[] =>
  Object.entries(labels).map(([key, value]) => [
    number,
    encodeMessage([
      [1, key],
      [2, value],
    ]),
  ]);

function readPod(pod: Message): RuntimePod {
  const metadata = messageOf(pod, 2);
  return {
    id: textOf(pod, 1) ?? '',
    name: textOf(metadata, 1) ?? '',
    uid: textOf(metadata, 2) ?? '',
    namespace: textOf(metadata, 3) ?? '',
    // SANDBOX_READY
    isReady: integerOf(pod, 3) === 0n,
    created: integerOf(pod, 4),
    labels: textMapOf(pod, 5),
  };
}

const STATES: readonly RuntimeContainerState[] = ['created', 'running', 'exited', 'unknown'];

function readContainer(container: Message): RuntimeContainer {
  const metadata = messageOf(container, 3);
  const image = messageOf(container, 4);
  return {
    id: textOf(container, 1) ?? '',
    podId: textOf(container, 2) ?? '',
    name: textOf(metadata, 1) ?? '',
    attempt: Number(BigInt.asUintN(32, integerOf(metadata, 2))),
    // ImageSpec: what the pod asked for, else what the runtime made of it.
    image: textOf(image, 18) ?? textOf(image, 1) ?? '',
    imageRef: textOf(container, 5) ?? '',
    state: STATES[Number(integerOf(container, 6))] ?? 'unknown',
    created: integerOf(container, 7),
  };
}
