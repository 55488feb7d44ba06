/** A helper pod while it is used: made when it is first needed, replaced when it has gone, and removed in every case. */
import { type ErrorCode, ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Endpoint } from '../https-client.ts';
import {
  createPod,
  deletePod,
  type HelperWords,
  podState,
  removeLeftPods,
  tryPod,
  waitRunning,
} from './helper-life.ts';
import type { HelperPod } from './helper-pod.ts';
import { persist } from './persist.ts';
import { type CommandEnd, type PodCommand, runInPod } from './pod-command.ts';
import { checkRights } from './rights.ts';

export interface HelperSessionOptions {
  readonly namespace: string;
  readonly words: HelperWords;
  /** The manifest of the next pod. */
  readonly manifest: () => Promise<HelperPod>;
  /** Ends the session; the pod is removed nevertheless. */
  readonly signal: AbortSignal;
  /** What is being done or was found, for the user. */
  readonly tell: (text: string) => void;
}

/** A server answers 500 too when the kubelet has no such container any more. */
const MAY_BE_THE_POD: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['COLLECT_STREAM_CUT', 'API_UNAVAILABLE']);

export class HelperSession {
  readonly #api: Endpoint;
  readonly #options: HelperSessionOptions;
  #pod: HelperPod | undefined;
  #isPrepared = false;

  constructor(api: Endpoint, options: HelperSessionOptions) {
    this.#api = api;
    this.#options = options;
  }

  /** A pod of this session is there, as far as is known. */
  get isOpen(): boolean {
    return this.#pod !== undefined;
  }

  /** Asks for rights and has the pod admitted, and makes none. Throws `API_FORBIDDEN`, `HELPER_POD_REFUSED`. */
  async probe(): Promise<void> {
    await checkRights(this.#api, this.#options.namespace);
    await tryPod(this.#api, await this.#options.manifest(), this.#options.words);
  }

  /** Makes the pod and waits for it. */
  async open(): Promise<void> {
    if (this.#pod !== undefined) return;
    const { namespace, words, manifest, signal, tell } = this.#options;
    signal.throwIfAborted();
    await this.#prepare();
    const pod = await manifest();
    await tryPod(this.#api, pod, words);
    tell(`making helper pod ${namespace}/${pod.metadata.name} on node ${pod.spec.nodeName}`);
    // From here on there may be a pod, even if no answer tells of it.
    this.#pod = pod;
    try {
      await createPod(this.#api, pod);
      await waitRunning(this.#api, pod, words, signal);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Runs a program to its end. Throws what `runInPod` throws; a pod that does not run any more is replaced next time. */
  async run(argv: readonly string[], onOutput: PodCommand['onOutput'], input?: string): Promise<CommandEnd> {
    await this.open();
    const pod = this.#pod;
    if (pod === undefined) throw new TypeError('an opened session has a pod');
    const { namespace, name } = pod.metadata;
    const [container] = pod.spec.containers;
    const { signal } = this.#options;
    const command = { namespace, pod: name, container: container.name, argv, input, onOutput, signal };
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
    const { tell } = this.#options;
    tell(`helper pod ${pod.metadata.name} does not run any more (${state.reason}: ${state.detail})`);
    await this.close();
  }

  async #prepare(): Promise<void> {
    if (this.#isPrepared) return;
    const { namespace, tell } = this.#options;
    await checkRights(this.#api, namespace);
    this.#isPrepared = true;
    const left = await removeLeftPods(this.#api, namespace);
    for (const name of left) tell(`removed helper pod ${namespace}/${name}, which an earlier run had left`);
  }

  /** Removes the pod. Tries for a minute; then says who can, and that it ends by itself. */
  async close(): Promise<void> {
    const pod = this.#pod;
    if (pod === undefined) return;
    this.#pod = undefined;
    const { tell } = this.#options;
    const { namespace, name } = pod.metadata;
    // Not ended by the user's signal: that is when it matters most.
    const { signal } = new AbortController();
    const remove = () => deletePod(this.#api, namespace, name);
    await persist(remove, { signal, onRetry: ({ message }) => tell(message) }).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      tell(
        `helper pod ${name} could not be removed (${reason}). It ends by itself within ` +
          `${pod.spec.activeDeadlineSeconds} s; to remove it: kubectl delete pod -n ${namespace} ${name}`,
      );
    });
  }
}
