/**
 * One HTTP request, for answers that may take an hour. Node's own: it is the one client here that has no timeout of its
 * own once the request is sent, takes client certificates, and lets the identity of the server be checked by hand.
 */
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { connectionFailed, connectionLost, isUnverified } from './connection-error.ts';
import type { ServerTrust } from './server-trust.ts';

/** Whom to talk to, as whom, and whom to believe. Holds secrets: never printed. */
export interface Endpoint {
  readonly url: URL;
  /** What Node's https takes: ca, cert, key, headers, agent, rejectUnauthorized, servername. */
  readonly options: https.RequestOptions;
  /** The server may show any of these names; undefined: the URL's host, as usual. */
  readonly names?: readonly string[] | undefined;
  /** What is believed of it when no CA vouches for it; undefined: nothing. */
  readonly trust?: ServerTrust | undefined;
  /** The ways on when its certificate cannot be verified, for the user. */
  readonly trustHelp: readonly string[];
  /** Until a connection, TLS included, is given up. Default 20. */
  readonly connectSeconds?: number | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its query. */
  readonly path: string;
  /** JSON. */
  readonly body?: string | undefined;
  /** Seconds without a byte until it gives up; undefined for a checkpoint: never once sent, since giving up does harm. */
  readonly idleLimit?: number | undefined;
  /** Bytes of the answer that are read; more is `LIMIT_EXCEEDED`. */
  readonly answerLimit: number;
}

/** A connection that takes longer is not going to be made. */
const CONNECT_SECONDS = 20;

const connectMilliseconds = ({ connectSeconds = CONNECT_SECONDS }: Endpoint): number => connectSeconds * 1000;

/** Keeps NAT and load balancers from forgetting a connection over which nothing is said for minutes. */
const KEEP_ALIVE_MILLISECONDS = 15_000;

/** Sends one request. Throws `CONNECTION_FAILED`, `BAD_CREDENTIALS`, `SERVER_UNVERIFIED`, `CAPTURE_CONNECTION_LOST`. */
export async function send(endpoint: Endpoint, request: HttpRequest): Promise<HttpAnswer> {
  let isSent = false;
  try {
    return await exchange(endpoint, request, () => {
      isSent = true;
    });
  } catch (error) {
    if (error instanceof ExhibitError) throw error;
    const trouble = error as NodeJS.ErrnoException;
    const where = endpoint.url.origin;
    if (isUnverified(trouble)) {
      await insistOnTrust(endpoint, trouble);
      return send(endpoint, request);
    }
    throw isSent && request.idleLimit === undefined
      ? connectionLost(trouble, where)
      : connectionFailed(trouble, where);
  }
}

function exchange(endpoint: Endpoint, request: HttpRequest, onSent: () => void): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const client = endpoint.url.protocol === 'http:' ? http : https;
    const outgoing = client.request(endpoint.url, requestOptions(endpoint, request));
    const connecting = setTimeout(() => outgoing.destroy(timedOut()), connectMilliseconds(endpoint));
    outgoing.once('socket', (socket) => {
      const onConnected = (): void => {
        clearTimeout(connecting);
        socket.setKeepAlive(true, KEEP_ALIVE_MILLISECONDS);
        onSent();
      };
      // A connection that was checked by hand comes ready.
      if (endpoint.trust?.fingerprint !== undefined) onConnected();
      else socket.once(endpoint.url.protocol === 'http:' ? 'connect' : 'secureConnect', onConnected);
    });
    if (request.idleLimit !== undefined) {
      outgoing.setTimeout(request.idleLimit * 1000, () => outgoing.destroy(timedOut()));
    }
    outgoing.once('response', (incoming) => readAnswer(incoming, request.answerLimit).then(resolve, reject));
    outgoing.once('error', (error) => {
      // A connection that was refused by hand has no close.
      clearTimeout(connecting);
      reject(error);
    });
    outgoing.once('close', () => clearTimeout(connecting));
    outgoing.end(request.body);
  });
}

function requestOptions(endpoint: Endpoint, request: HttpRequest): https.RequestOptions {
  const { names, options } = endpoint;
  // Node leaves out the length of a DELETE's body, and a server then takes it for none.
  const type =
    request.body === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(request.body) };
  return {
    // The global agent keeps sockets; a capture wants a fresh one of its own.
    agent: false,
    ...options,
    method: request.method,
    path: request.path,
    headers: { ...options.headers, ...type },
    ...(names === undefined ? {} : { checkServerIdentity: acceptAny(names) }),
    ...trustOptions(endpoint),
  };
}

function trustOptions(endpoint: Endpoint): https.RequestOptions {
  const { trust, url } = endpoint;
  if (trust?.fingerprint === undefined)
    return trust === undefined ? {} : { rejectUnauthorized: !trust.insecure };
  const pin = {
    origin: url.origin,
    fingerprint: trust.fingerprint,
    milliseconds: connectMilliseconds(endpoint),
  };
  return {
    agent: undefined,
    createConnection: (options, onConnected) =>
      connectPinned(pin, options as tls.ConnectionOptions, onConnected),
  };
}

interface Pin {
  readonly origin: string;
  readonly fingerprint: string;
  /** Until the connection is given up. */
  readonly milliseconds: number;
}

/** A connection over which nothing is sent before the server has shown the right certificate. */
function connectPinned(
  { origin, fingerprint, milliseconds }: Pin,
  options: tls.ConnectionOptions,
  onConnected: (error: Error | null, socket: Duplex) => void,
): undefined {
  const socket = tls.connect({ ...options, rejectUnauthorized: false });
  const fail = (error: Error): void => {
    socket.destroy();
    onConnected(error, socket);
  };
  const timer = setTimeout(() => fail(timedOut()), milliseconds);
  socket.once('close', () => clearTimeout(timer));
  socket.once('error', fail);
  socket.once('secureConnect', () => {
    clearTimeout(timer);
    socket.off('error', fail);
    const { fingerprint256 } = socket.getPeerCertificate();
    if (fingerprint256 === fingerprint) onConnected(null, socket);
    else fail(wrongFingerprint(origin, fingerprint256, fingerprint));
  });
}

function wrongFingerprint(origin: string, shown: string, expected: string): ExhibitError {
  const what = `${origin} shows a certificate with the SHA-256 fingerprint ${shown}, not ${expected}`;
  return new ExhibitError(
    'SERVER_UNVERIFIED',
    `${what}: either the fingerprint is another kubelet's, or this is not it`,
    {
      help: [
        'Nothing was sent to it. On the node: openssl x509 -in /var/lib/kubelet/pki/kubelet.crt -noout -fingerprint -sha256',
      ],
    },
  );
}

/** A node is known by several names; a certificate that a known CA gave to one of them is its certificate. */
function acceptAny(names: readonly string[]) {
  return (host: string, certificate: tls.PeerCertificate): Error | undefined => {
    const failures = [host, ...names].map((name) => tls.checkServerIdentity(name, certificate));
    return failures.includes(undefined) ? undefined : failures[0];
  };
}

async function readAnswer(incoming: http.IncomingMessage, limit: number): Promise<HttpAnswer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > limit) {
      throw new ExhibitError('LIMIT_EXCEEDED', `the answer is longer than ${limit} bytes: it is not read`);
    }
    chunks.push(chunk);
  }
  return { status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
}

function timedOut(): NodeJS.ErrnoException {
  return Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
}

/** Returns when a person believes the server all the same; throws `SERVER_UNVERIFIED` otherwise. */
async function insistOnTrust(endpoint: Endpoint, trouble: NodeJS.ErrnoException): Promise<void> {
  const fingerprint = await presentedFingerprint(endpoint);
  const { origin } = endpoint.url;
  const why =
    endpoint.options.ca === undefined
      ? 'no CA is known that could vouch for its certificate'
      : `its certificate does not fit the CA and names that are known for it (${trouble.message})`;
  if (fingerprint !== undefined && (await endpoint.trust?.accepts({ origin, fingerprint, why }))) return;
  const shown = fingerprint === undefined ? '' : ` It shows the SHA-256 fingerprint ${fingerprint}.`;
  throw new ExhibitError('SERVER_UNVERIFIED', `cannot verify ${origin}: ${why}.${shown}`, {
    cause: trouble,
    help: ['Nothing was sent to it. The ways on:', ...endpoint.trustHelp],
  });
}

/** The fingerprint of the certificate that a server presents; nothing is sent to it and no identity shown. */
function presentedFingerprint(endpoint: Endpoint): Promise<string | undefined> {
  const { url } = endpoint;
  return new Promise((resolve) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const socket = tls.connect({ host, port: Number(url.port || 443), rejectUnauthorized: false }, () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      resolve(fingerprint256);
    });
    socket.setTimeout(connectMilliseconds(endpoint), () => socket.destroy());
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(undefined));
  });
}
