/** Reads the checkpoints folder of one node, through a helper pod that is made when it is first needed. */
import { randomBytes } from 'node:crypto';
import type { Endpoint } from '../https-client.ts';
import { type HelperPodOptions, helperPod } from './helper-pod.ts';
import { HelperSession } from './helper-session.ts';
import { FOLDER_SCRIPTS, type FolderQuestion, type NodeShell } from './node-folder.ts';
import { ownOwner } from './owner.ts';
import type { CommandEnd } from './pod-command.ts';

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

export class NodeReader implements NodeShell {
  readonly #session: HelperSession;
  readonly #options: NodeReaderOptions;

  constructor(api: Endpoint, options: NodeReaderOptions) {
    const { node, folder, helper, signal, tell } = options;
    const manifest = async () =>
      helperPod({
        ...helper,
        node,
        folder,
        suffix: randomBytes(5).toString('hex'),
        owner: await ownOwner(),
        deadlineSeconds: POD_DEADLINE_SECONDS,
      });
    const words = {
      asks: 'mounts one folder of the node, read-only',
      imageHelp: [
        'Name one that it has or can pull, with sh, find, stat, dd and sha256sum in it:',
        '--image IMAGE, or EXHIBIT_COLLECT_IMAGE',
      ],
      folder,
    };
    this.#session = new HelperSession(api, { namespace: helper.namespace, words, manifest, signal, tell });
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
  open(): Promise<void> {
    return this.#session.open();
  }

  /** Runs a script to its end. Throws what `HelperSession.run` throws. */
  run({ command, args, onOutput }: FolderQuestion): Promise<CommandEnd> {
    return this.#session.run(['sh', '-c', FOLDER_SCRIPTS[command], 'sh', ...args], onOutput);
  }

  /** Removes the pod. */
  close(): Promise<void> {
    return this.#session.close();
  }
}
