/** A container runtime for fast tests: a real HTTP/2 server on a unix socket, which answers each method as it is told. */
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { encodeMessage } from '../cri/wire.ts';

/** An outcome in the trailers, after a message; without a message in the headers. */
export interface FakeAnswer {
  /** Of the message; undefined: none comes. */
  readonly body?: Uint8Array;
  /** gRPC's number of a status; default 0, OK. Undefined beside `hangsUp`. */
  readonly status?: number;
  readonly message?: string;
  /** The connection ends without an outcome. */
  readonly hangsUp?: true;
}

export interface SeenCall {
  readonly method: string;
  /** Without its frame. */
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface FakeRuntime {
  readonly seen: readonly SeenCall[];
  close(): Promise<void>;
}

const FRAME_HEADER_BYTES = 5;

/** What `Version` answers, unless a test says otherwise. */
export const VERSION: FakeAnswer = {
  body: encodeMessage([
    [1, '0.1.0'],
    [2, 'containerd'],
    [3, '2.1.9'],
  ]),
};

export async function startFakeRuntime(
  socket: string,
  answers: Readonly<Record<string, FakeAnswer>>,
): Promise<FakeRuntime> {
  const seen: SeenCall[] = [];
  const server = createServer();
  server.on('stream', async (stream: ServerHttp2Stream, headers) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const method = String(headers[':path']).split('/').at(-1) ?? '';
    seen.push({ method, headers, body: Buffer.concat(chunks).subarray(FRAME_HEADER_BYTES) });
    respond(
      stream,
      answers[method] ?? (method === 'Version' ? VERSION : { status: 12, message: 'unknown method' }),
    );
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return { seen, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

function respond(stream: ServerHttp2Stream, { body, status = 0, message = '', hangsUp }: FakeAnswer): void {
  if (hangsUp) {
    stream.session?.destroy();
    return;
  }
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  const outcome = { 'grpc-status': String(status), 'grpc-message': encodeURIComponent(message) };
  if (body === undefined) {
    stream.respond({ ...headers, ...outcome }, { endStream: true });
    return;
  }
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(body.length, 1);
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(outcome));
  stream.end(Buffer.concat([header, body]));
}
