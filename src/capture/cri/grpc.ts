/**
 * One gRPC call over a unix socket: an HTTP/2 request whose body is a flag byte, a length (big-endian) and the message; the
 * outcome is in the trailers, or in the headers when there is no body.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md; docs/decisions/014-cri-client.md says why it is
 * done here. No deadline is sent and nothing is retried: the runtime would cancel a checkpoint at the former.
 */
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import { ExhibitError } from '../../bytes/exhibit-error.ts';

export interface GrpcAnswer {
  /** `OK`, or the name of an error as Go writes it: `Unimplemented`. */
  readonly status: string;
  /** What the server says of an error. */
  readonly message: string;
  /** The message that came, without its frame; empty beside an error. */
  readonly body: Uint8Array;
}

/** Names by number. Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const STATUSES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;

const FRAME_HEADER_BYTES = 5;

/** What the kubelet lets an answer of its runtime have (pkg/kubelet/cri-client: maxMsgSize). */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** What the checkpoint's caller has to know of a connection that broke. */
const LOST = 'the connection was closed before an answer came';

/**
 * Sends one message to `/runtime.v1.RuntimeService/METHOD` and waits for the answer as long as it takes. Throws
 * `CONNECTION_FAILED` where nothing was sent, `CAPTURE_CONNECTION_LOST` where the call may have begun, `MALFORMED`.
 */
export function callRuntime(socket: string, method: string, request: Uint8Array): Promise<GrpcAnswer> {
  return callGrpc(socket, `/runtime.v1.RuntimeService/${method}`, request);
}

export interface GrpcOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** After which it is given up, for calls that do no harm by that. Default: never. */
  readonly limitMilliseconds?: number;
}

/** The same for any method, `/SERVICE/METHOD`. */
export async function callGrpc(
  socket: string,
  method: `/${string}/${string}`,
  request: Uint8Array,
  { headers = {}, limitMilliseconds }: GrpcOptions = {},
): Promise<GrpcAnswer> {
  const session = connect('http://localhost', { createConnection: () => createConnection(socket) });
  const limit = limitMilliseconds && setTimeout(() => session.destroy(), limitMilliseconds);
  try {
    await connected(session, socket);
    return await exchange(session, socket, { method, request, headers });
  } finally {
    clearTimeout(limit);
    session.destroy();
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  EACCES: 'only root may use it: run exhibit as root',
  EPERM: 'only root may use it: run exhibit as root',
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'no runtime listens there: is it running?',
};

function connected(session: ClientHttp2Session, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    session.once('connect', () => resolve());
    session.on('error', (error: NodeJS.ErrnoException) => {
      const why = CAUSES[error.code ?? ''] ?? error.message;
      reject(
        new ExhibitError('CONNECTION_FAILED', `cannot reach the runtime at ${socket}: ${why}`, {
          cause: error,
        }),
      );
    });
  });
}

interface GrpcCall {
  readonly method: string;
  readonly request: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

function exchange(
  session: ClientHttp2Session,
  socket: string,
  { method: path, request, headers }: GrpcCall,
): Promise<GrpcAnswer> {
  const method = path.split('/').at(-1) ?? path;
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ...headers,
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let outcome: IncomingHttpHeaders = {};
    const take = (headers: IncomingHttpHeaders): void => {
      if (headers['grpc-status'] !== undefined) outcome = headers;
    };
    const chunks: Uint8Array[] = [];
    let length = 0;
    stream.on('response', take);
    stream.on('trailers', take);
    stream.on('data', (chunk: Uint8Array) => {
      length += chunk.length;
      if (length <= MAX_ANSWER_BYTES) chunks.push(chunk);
    });
    // What went wrong is told on `close`, which always follows.
    let trouble: unknown;
    stream.on('error', (error) => {
      trouble = error;
    });
    stream.once('close', () => {
      try {
        if (length > MAX_ANSWER_BYTES) throw tooLong(method);
        if (outcome['grpc-status'] === undefined) throw lost(socket, method, trouble);
        resolve(readAnswer(outcome, Buffer.concat(chunks)));
      } catch (error) {
        reject(error);
      }
    });
    stream.end(frame(request));
  });
}

function frame(message: Uint8Array): Uint8Array {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function readAnswer(outcome: IncomingHttpHeaders, bytes: Buffer): GrpcAnswer {
  const status = STATUSES[Number(outcome['grpc-status'])] ?? 'Unknown';
  if (status !== 'OK')
    return { status, message: decodePercent(String(outcome['grpc-message'] ?? '')), body: Buffer.alloc(0) };
  const isWhole =
    bytes.length >= FRAME_HEADER_BYTES && bytes.readUInt32BE(1) + FRAME_HEADER_BYTES === bytes.length;
  if (!isWhole || bytes[0] !== 0) {
    throw new ExhibitError('MALFORMED', "the runtime's answer is not one uncompressed gRPC message");
  }
  return { status, message: '', body: bytes.subarray(FRAME_HEADER_BYTES) };
}

/** Texts of errors are percent-encoded; what is not decodable is shown as it came. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function tooLong(method: string): ExhibitError {
  return new ExhibitError(
    'LIMIT_EXCEEDED',
    `the answer to ${method} is longer than ${MAX_ANSWER_BYTES} bytes`,
  );
}

function lost(socket: string, method: string, trouble: unknown): ExhibitError {
  const why = trouble instanceof Error ? trouble.message : LOST;
  return method === 'CheckpointContainer'
    ? new ExhibitError(
        'CAPTURE_CONNECTION_LOST',
        `the connection to the runtime at ${socket} was lost while the checkpoint was being taken (${why}). ` +
          'The runtime then cancels it, and may leave the container frozen.',
        { cause: trouble },
      )
    : new ExhibitError('CONNECTION_FAILED', `the runtime at ${socket} did not answer ${method}: ${why}`, {
        cause: trouble,
      });
}
