/**
 * Runs one command in a container and takes its output as it comes, over Kubernetes' WebSocket protocol: a message is a
 * channel's number and its bytes. Source: k8s.io/apimachinery pkg/util/remotecommand/constants.go.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { apiPath, explainRefusal, quote, record, records } from '../cluster/api-client.ts';
import { connectionFailed } from '../connection-error.ts';
import type { Endpoint } from '../https-client.ts';

export interface PodCommand {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly argv: readonly string[];
  /** For its standard input, which is not ended; default: it has none. */
  readonly input?: string | undefined;
  /** The next bytes wait until it has taken these. */
  readonly onOutput: (bytes: Uint8Array) => Promise<void> | void;
  readonly signal: AbortSignal;
}

export interface CommandEnd {
  readonly exitCode: number;
  /** The beginning of what it wrote to standard error. */
  readonly errors: string;
}

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const CHANNELS = { input: 0, output: 1, errors: 2, status: 3 } as const;

const CONNECT_MILLISECONDS = 20_000;
/** Kubelets send pieces of 32 KiB; a message that is this much longer is none of theirs. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Output that arrived and is not taken yet; more than this and the sender waits. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
/** A refusal is a Status object. */
const MAX_REFUSAL_BYTES = 64 * 1024;
const MAX_ERRORS_LENGTH = 2000;
/** Keeps NAT and load balancers from forgetting a connection while the other end hashes; no answer to two: it is cut. */
const PING_MILLISECONDS = 15_000;
/** How long the server may take to close the connection once it has told how the command ended. */
const CLOSE_MILLISECONDS = 2000;

/**
 * Resolves when the command has ended and its output is taken. Throws `COLLECT_STREAM_CUT` when the connection or the
 * container went away before that, `API_FORBIDDEN`, `CONNECTION_FAILED`, what `onOutput` throws, and the signal's reason.
 */
export async function runInPod(api: Endpoint, command: PodCommand): Promise<CommandEnd> {
  command.signal.throwIfAborted();
  const socket = new WebSocket(commandUrl(api, command), PROTOCOLS, {
    // The types of ws know only some of Node's options, all of which it passes on.
    ...(api.options as object),
    handshakeTimeout: CONNECT_MILLISECONDS,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  const abort = (): void => socket.terminate();
  command.signal.addEventListener('abort', abort);
  const pings = keepAlive(socket);
  try {
    const end = await conversation(socket, api, command);
    command.signal.throwIfAborted();
    return end;
  } catch (error) {
    command.signal.throwIfAborted();
    throw error;
  } finally {
    clearInterval(pings);
    command.signal.removeEventListener('abort', abort);
    socket.terminate();
  }
}

function commandUrl(api: Endpoint, { namespace, pod, container, argv, input }: PodCommand): URL {
  const query = new URLSearchParams({ container, stdout: 'true', stderr: 'true' });
  if (input !== undefined) query.set('stdin', 'true');
  for (const argument of argv) query.append('command', argument);
  const url = new URL(api.url);
  url.protocol = api.url.protocol === 'http:' ? 'ws:' : 'wss:';
  url.pathname = apiPath(api, `/api/v1/namespaces/${namespace}/pods/${pod}/exec`);
  url.search = query.toString();
  return url;
}

/** A server that was never seen to answer a ping is not held to it. */
function keepAlive(socket: WebSocket): NodeJS.Timeout {
  let unanswered = 0;
  let canAnswer = false;
  socket.on('open', () => socket.ping());
  socket.on('pong', () => {
    canAnswer = true;
    unanswered = 0;
  });
  socket.on('message', () => {
    unanswered = 0;
  });
  return setInterval(() => {
    // While we are the slow end, nothing is read, and answers neither.
    if (socket.readyState !== WebSocket.OPEN || socket.isPaused) return;
    if (canAnswer && unanswered >= 2) return socket.terminate();
    unanswered++;
    socket.ping();
  }, PING_MILLISECONDS);
}

function conversation(socket: WebSocket, api: Endpoint, command: PodCommand): Promise<CommandEnd> {
  const reader = new MessageReader(socket, command);
  return new Promise((resolve, reject) => {
    let failure: unknown;
    let isOpen = false;
    socket.on('open', () => {
      isOpen = true;
      const { input } = command;
      if (input !== undefined) socket.send(Buffer.concat([Buffer.of(CHANNELS.input), Buffer.from(input)]));
    });
    socket.on('message', (data: Buffer) => reader.take(data));
    socket.on('unexpected-response', (request: ClientRequest, response: IncomingMessage) => {
      refusal(response).then((error) => {
        failure = error;
        request.destroy();
        reject(error);
      }, reject);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure ??= isOpen ? streamCut(error.code ?? error.message) : connectionFailed(error, api.url.origin);
      if (!isOpen) reject(failure);
    });
    socket.on('close', () => {
      reader.end().then(resolve, (error: unknown) => reject(failure ?? error));
    });
  });
}

/** Takes messages one after the other, and stops the sender when they pile up. */
class MessageReader {
  readonly #socket: WebSocket;
  readonly #command: PodCommand;
  #taken: Promise<void> = Promise.resolve();
  #pending = 0;
  #errors = '';
  #status: Buffer | undefined;

  constructor(socket: WebSocket, command: PodCommand) {
    this.#socket = socket;
    this.#command = command;
  }

  take(message: Buffer): void {
    this.#pending += message.length;
    if (this.#pending > MAX_PENDING_BYTES) this.#socket.pause();
    this.#taken = this.#taken.then(() => this.#handle(message));
    this.#taken.catch(() => this.#socket.terminate());
  }

  async #handle(message: Buffer): Promise<void> {
    const content = message.subarray(1);
    if (message[0] === CHANNELS.output && content.length > 0) await this.#command.onOutput(content);
    else if (message[0] === CHANNELS.errors && this.#errors.length < MAX_ERRORS_LENGTH) {
      this.#errors = (this.#errors + content.toString()).slice(0, MAX_ERRORS_LENGTH);
    } else if (message[0] === CHANNELS.status) {
      this.#status = content;
      setTimeout(() => this.#socket.terminate(), CLOSE_MILLISECONDS).unref();
    }
    this.#pending -= message.length;
    if (this.#pending <= MAX_PENDING_BYTES && this.#socket.isPaused) this.#socket.resume();
  }

  async end(): Promise<CommandEnd> {
    await this.#taken;
    if (this.#status === undefined) throw streamCut('the connection was closed');
    return { exitCode: readExitCode(this.#status), errors: this.#errors };
  }
}

/** A metav1.Status: success, or the reason NonZeroExitCode with the code among its causes. */
function readExitCode(content: Buffer): number {
  const status = parseStatus(content);
  if (status.status === 'Success') return 0;
  const cause = records(record(status.details).causes).find(({ reason }) => reason === 'ExitCode');
  const code = Number(cause?.message);
  // 128 and more: a signal ended it, as when its pod is removed.
  if (status.reason === 'NonZeroExitCode' && code > 0 && code < 128) return code;
  throw streamCut(quote(String(status.message ?? 'the command was ended')));
}

function parseStatus(content: Buffer) {
  try {
    return record(JSON.parse(content.toString()));
  } catch {
    throw streamCut('what the server tells of the end of the command is not JSON');
  }
}

async function refusal(response: IncomingMessage): Promise<ExhibitError> {
  let body = '';
  for await (const chunk of response) {
    body += String(chunk);
    if (body.length > MAX_REFUSAL_BYTES) break;
  }
  const status = response.statusCode ?? 0;
  // The pod is gone (404) or has ended (400): that is as good as a cut.
  if (status === 404 || status === 400) return streamCut(`the API server answered ${status}`);
  return explainRefusal({ status, body }, { what: 'run a command in the helper pod' });
}

function streamCut(why: string): ExhibitError {
  return new ExhibitError('COLLECT_STREAM_CUT', `the stream from the helper pod was cut: ${why}`);
}
