/** Reads the checkpoints folder of one node, through a helper pod that is made when it is first needed. */
import { randomBytes } from 'node:crypto';
import { type ErrorCode, ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Endpoint } from '../https-client.ts';
import { createPod, deletePod, podState, removeLeftPods, tryPod, waitRunning } from './helper-life.ts';
import { HELPER_CONTAINER, type HelperPod, type HelperPodOptions, helperPod } from './helper-pod.ts';
import { ownOwner } from './owner.ts';
import { persist } from './persist.ts';
import { type CommandEnd, runInPod } from './pod-command.ts';
import { checkRights } from './rights.ts';

export interface HelperSettings {
  readonly namespace: string;
  readonly image: string;
  readonly imagePullPolicy: HelperPodOptions['imagePullPolicy'];
}

export interface NodeReaderOptions {
  readonly node: string;
  /** The kubelet's checkpoints folder on the node. */
  readonly folder: string;
  readonly helper: HelperSettings;
  /** Ends the reading; the pod is removed nevertheless. */
  readonly signal: AbortSignal;
  /** What is being done or was found, for the user. */
  readonly tell: (text: string) => void;
}

/**
 * The pod ends by itself after this long, should nobody be left to remove it. A transfer that takes longer goes on
 * through a new pod.
 */
const POD_DEADLINE_SECONDS = 3600;

/** A server answers 500 too when the kubelet has no such container any more. */
const MAY_BE_THE_POD: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['COLLECT_STREAM_CUT', 'API_UNAVAILABLE']);

/** A script of the helper pod and its arguments, which are never part of the script. */
export interface Script {
  readonly script: string;
  readonly args: readonly string[];
  readonly onOutput: (bytes: Uint8Array) => Promise<void> | void;
}

/** What reading the folder needs of a reader. */
export type NodeShell = Pick<NodeReader, 'node' | 'folder' | 'signal' | 'tell' | 'run'>;

export class NodeReader {
  readonly #api: Endpoint;
  readonly #options: NodeReaderOptions;
  #pod: HelperPod | undefined;
  #isPrepared = false;

  constructor(api: Endpoint, options: NodeReaderOptions) {
    this.#api = api;
    this.#options = options;
  }

  get node(): string {
    return this.#options.node;
  }

  get folder(): string {
    return this.#options.folder;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  tell(text: string): void {
    this.#options.tell(text);
  }

  /** Makes the pod and waits for it. */
  async open(): Promise<void> {
    if (this.#pod !== undefined) return;
    const { node, folder, helper, signal, tell } = this.#options;
    signal.throwIfAborted();
    await this.#prepare();
    const pod = helperPod({
      ...helper,
      node,
      folder,
      suffix: randomBytes(5).toString('hex'),
      owner: await ownOwner(),
      deadlineSeconds: POD_DEADLINE_SECONDS,
    });
    await tryPod(this.#api, pod);
    tell(`making helper pod ${helper.namespace}/${pod.metadata.name} on node ${node}`);
    // From here on there may be a pod, even if no answer tells of it.
    this.#pod = pod;
    try {
      await createPod(this.#api, pod);
      await waitRunning(this.#api, pod, signal);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Runs a script to its end. Throws what `runInPod` throws; a pod that does not run any more is replaced next time. */
  async run({ script, args, onOutput }: Script): Promise<CommandEnd> {
    await this.open();
    const pod = this.#pod;
    if (pod === undefined) throw new TypeError('an opened reader has a pod');
    const { namespace, name } = pod.metadata;
    const argv = ['sh', '-c', script, 'sh', ...args];
    const command = {
      namespace,
      pod: name,
      container: HELPER_CONTAINER,
      argv,
      onOutput,
      signal: this.signal,
    };
    try {
      return await runInPod(this.#api, command);
    } catch (error) {
      if (error instanceof ExhibitError && MAY_BE_THE_POD.has(error.code)) await this.#checkPod(pod);
      throw error;
    }
  }

  async #checkPod(pod: HelperPod): Promise<void> {
    const state = await podState(this.#api, pod).catch(() => undefined);
    if (state?.kind !== 'failed') return;
    this.tell(`helper pod ${pod.metadata.name} does not run any more (${state.reason}: ${state.detail})`);
    await this.close();
  }

  async #prepare(): Promise<void> {
    if (this.#isPrepared) return;
    const { namespace } = this.#options.helper;
    await checkRights(this.#api, namespace);
    this.#isPrepared = true;
    const left = await removeLeftPods(this.#api, namespace);
    for (const name of left)
      this.tell(`removed helper pod ${namespace}/${name}, which an earlier run had left`);
  }

  /** Removes the pod. Tries for a minute; then says who can, and that it ends by itself. */
  async close(): Promise<void> {
    const pod = this.#pod;
    if (pod === undefined) return;
    this.#pod = undefined;
    const { namespace, name } = pod.metadata;
    // Not ended by the user's signal: that is when it matters most.
    const { signal } = new AbortController();
    const remove = () => deletePod(this.#api, namespace, name);
    await persist(remove, { signal, onRetry: ({ message }) => this.tell(message) }).catch(
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.tell(
          `helper pod ${name} could not be removed (${reason}). It ends by itself within ${POD_DEADLINE_SECONDS} s; ` +
            `to remove it: kubectl delete pod -n ${namespace} ${name}`,
        );
      },
    );
  }
}
