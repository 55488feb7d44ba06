/** One PUT of a file, whose answer is the only thing that is believed. */
import { createReadStream } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream/promises';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { connectionFailed, isUnverified } from '../connection-error.ts';
import { shownUrl, type UploadedFile, type UploadTarget, uploadHeaders } from './upload-target.ts';

export interface PutOptions extends UploadedFile {
  readonly signal: AbortSignal;
  /** Bytes that were handed to the connection. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

const PIECE_BYTES = 1024 * 1024;
/** A store that takes nothing, or does not answer, for so long is not going to. */
const IDLE_MILLISECONDS = 120_000;
/** RFC 9110 wants nobody to wait for ever for a 100: some servers never send one. */
const PATIENCE_MILLISECONDS = 2000;
/** A refusal is a small document. */
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_QUOTED_LENGTH = 300;
/** What passes: too many requests, a server's own trouble. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Throws `CONNECTION_FAILED` for what may pass, `UPLOAD_REFUSED` for what the store refuses, `SERVER_UNVERIFIED`, and the signal's
 * reason. No redirect is followed: the URL is signed for its own host.
 */
export async function putFile(file: string, target: UploadTarget, options: PutOptions): Promise<void> {
  options.signal.throwIfAborted();
  const shown = shownUrl(target.url);
  let answer: Answer;
  try {
    answer = await exchange(file, target, options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (isUnverified(error as NodeJS.ErrnoException)) throw unverified(shown, error as Error);
    throw connectionFailed(error as NodeJS.ErrnoException, shown);
  }
  if (answer.status >= 200 && answer.status < 300) return;
  throw refused(shown, answer, target.url);
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function exchange(file: string, { url, ca }: UploadTarget, options: PutOptions): Promise<Answer> {
  const client = url.startsWith('http:') ? http : https;
  const outgoing = client.request(url, {
    method: 'PUT',
    // A store that refuses says so before it is sent gigabytes, and does not cut the connection over them.
    headers: { ...uploadHeaders(url, options), expect: '100-continue' },
    agent: false,
    signal: options.signal,
    ...(ca === undefined ? {} : { ca }),
  });
  outgoing.setTimeout(IDLE_MILLISECONDS, () =>
    outgoing.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
  );
  const answered = new Promise<Answer>((resolve, reject) => {
    outgoing.once('response', (incoming) => readAnswer(incoming).then(resolve, reject));
    outgoing.once('error', reject);
  });
  const sent = mayBeSent(outgoing)
    .then((may) => (may ? send(file, outgoing, options) : undefined))
    .catch((error: unknown) => error);
  const answer = await answered.catch(async (error: unknown) => {
    await sent;
    throw error;
  });
  outgoing.destroy();
  await sent;
  return answer;
}

/** Once the store asks for the rest, or says nothing for a while, as one does that does not know the question. */
function mayBeSent(outgoing: http.ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    let patience: NodeJS.Timeout | undefined;
    const settle = (may: boolean) => () => {
      clearTimeout(patience);
      resolve(may);
    };
    outgoing.once('socket', (socket) => {
      const event = 'encrypted' in socket ? 'secureConnect' : 'connect';
      socket.once(event, () => {
        patience = setTimeout(settle(true), PATIENCE_MILLISECONDS);
      });
    });
    outgoing.once('continue', settle(true));
    outgoing.once('response', settle(false));
    outgoing.once('close', settle(false));
    outgoing.flushHeaders();
  });
}

async function send(
  file: string,
  outgoing: http.ClientRequest,
  { size, onProgress }: PutOptions,
): Promise<void> {
  let done = 0;
  const counted = async function* (pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      yield piece;
      done += piece.length;
      onProgress?.(done);
    }
  };
  // An empty file has no last byte.
  const end = Math.max(size - 1, 0);
  await pipeline(createReadStream(file, { end, highWaterMark: PIECE_BYTES }), counted, outgoing);
}

async function readAnswer(incoming: http.IncomingMessage): Promise<Answer> {
  let body = '';
  for await (const chunk of incoming) {
    body += String(chunk);
    if (body.length > MAX_ANSWER_BYTES) break;
  }
  return { status: incoming.statusCode ?? 0, body };
}

function unverified(shown: string, cause: Error): ExhibitError {
  const message = `the certificate of ${shown} cannot be verified (${cause.message}); nothing was sent`;
  return new ExhibitError('SERVER_UNVERIFIED', message, {
    cause,
    help: ['--upload-ca FILE: the CA that signed it'],
  });
}

function refused(shown: string, { status, body }: Answer, url: string): ExhibitError {
  const why = withoutSecrets(reasonIn(body), url);
  const message = `${shown} answered ${status}${why === '' ? '' : `: ${why}`}`;
  if (PASSING.has(status)) return new ExhibitError('CONNECTION_FAILED', message);
  return new ExhibitError('UPLOAD_REFUSED', message, { help: HELP[status] });
}

const HELP: Readonly<Record<number, readonly string[]>> = {
  301: ['the URL is not of the host and region that the bucket is in'],
  307: ['the URL is not of the host and region that the bucket is in'],
  403: ['is the URL signed for PUT, for this object, and still in time?'],
  413: ['S3 takes at most 5 GiB in one PUT, Azure 5000 MiB'],
};

/** Code and message of S3's, Google's and Azure's answers, which are XML: the rest of them repeats the signed request. */
function reasonIn(body: string): string {
  const parts = ['Code', 'Message'].flatMap((name) => {
    const found = new RegExp(`<${name}>([^<]{1,${MAX_QUOTED_LENGTH}})`).exec(body)?.[1];
    return found === undefined ? [] : [found.trim().replace(/\s+/g, ' ')];
  });
  return parts.join(': ');
}

const LEAST_SECRET_LENGTH = 8;

function withoutSecrets(text: string, url: string): string {
  const values = [...new URL(url).searchParams.values()].filter(
    (value) => value.length >= LEAST_SECRET_LENGTH,
  );
  return values.reduce((rest, value) => rest.replaceAll(value, '…'), text);
}
