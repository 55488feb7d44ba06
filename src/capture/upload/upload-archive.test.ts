import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer as createPlain,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { type Certificates, makeCertificates } from '../testing/fake-kubelet.ts';
import { putFile } from './put-file.ts';
import { attemptUpload, uploadArchive } from './upload-archive.ts';
import { uploadInPod } from './upload-in-pod.ts';
import { parseUploadUrl, shownUrl, uploadHeaders } from './upload-target.ts';

const SIGNATURE = 'feedfacefeedfacefeedface';
const QUERY = `?X-Amz-SignedHeaders=host&X-Amz-Signature=${SIGNATURE}`;
const BYTES = Buffer.alloc(3 * 1024 * 1024 + 7, 'evidence');
const STORED = { size: BYTES.length, sha256: createHash('sha256').update(BYTES).digest('hex') };
const never = new AbortController().signal;

let certificates: Certificates;
let folder: string;
let file: string;
let server: Server | undefined;
beforeAll(() => {
  certificates = makeCertificates('IP:127.0.0.1');
});
afterAll(() => certificates.remove());
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-upload-'));
  file = path.join(folder, 'checkpoint.tar');
  writeFileSync(file, BYTES);
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true });
});

async function serve(answer: RequestListener, isPlain = false): Promise<string> {
  const { cert, key } = certificates.server;
  server = isPlain
    ? createPlain(answer)
    : createServer({ cert: readFileSync(cert), key: readFileSync(key) }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return `http${isPlain ? '' : 's'}://127.0.0.1:${port}/case-7/web.tar${QUERY}`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

const ca = (): string => readFileSync(certificates.ca, 'utf8');

describe('an upload', () => {
  test('is one PUT with its length and its hash', async () => {
    const seen: Partial<{ request: IncomingMessage; body: Buffer }> = {};
    const url = await serve(async (request, response) => {
      Object.assign(seen, { request, body: await bodyOf(request) });
      response.end();
    });
    let done = 0;
    const onProgress = (bytes: number) => {
      done = bytes;
    };
    await putFile(file, { url, ca: ca() }, { ...STORED, signal: never, onProgress });
    expect(seen.body?.equals(BYTES)).toBe(true);
    expect(seen.request).toMatchObject({
      method: 'PUT',
      url: `/case-7/web.tar${QUERY}`,
      headers: {
        'content-length': `${BYTES.length}`,
        'content-digest': `sha-256=:${Buffer.from(STORED.sha256, 'hex').toString('base64')}:`,
      },
    });
    expect(done).toBe(BYTES.length);
  });

  test('that is cut in its middle, and one that finds a store busy, is made again', async () => {
    let tries = 0;
    const told: string[] = [];
    let last: Buffer | undefined;
    const url = await serve(async (request, response) => {
      tries += 1;
      if (tries === 1) return void request.once('data', () => request.socket.destroy());
      last = await bodyOf(request);
      response.writeHead(tries === 2 ? 503 : 200).end('<Error><Code>SlowDown</Code></Error>');
    });
    const tell = (text: string) => told.push(text);
    await uploadArchive(file, { url, ca: ca() }, { ...STORED, signal: never, tell });
    expect([tries, last?.equals(BYTES)]).toEqual([3, true]);
    expect(told).toEqual([
      expect.stringContaining(`cannot reach ${shownUrl(url)}`),
      expect.stringContaining('answered 503: SlowDown; trying again in 1 s'),
    ]);
    expect(told.join()).not.toContain(SIGNATURE);
  });

  test('that is refused says why, and nothing of the signature', async () => {
    const url = await serve((_request, response) => {
      const echoed = `<StringToSign>${SIGNATURE}</StringToSign><Message>no ${SIGNATURE}\u001b[2J</Message>`;
      response.writeHead(403).end(`<Error><Code>SignatureDoesNotMatch</Code>${echoed}</Error>`);
    });
    const target = { url, ca: ca() };
    const put = () => uploadArchive(file, target, { ...STORED, signal: never, tell: () => undefined });
    await expect(put()).rejects.toMatchObject({ code: 'UPLOAD_REFUSED' });
    const outcome = await attemptUpload(target, STORED, put);
    expect(outcome).toMatchObject({
      to: shownUrl(url),
      failed: expect.stringContaining('answered 403: SignatureDoesNotMatch: no …'),
      help: [expect.stringContaining('signed for PUT')],
    });
    expect(JSON.stringify(outcome)).not.toContain(SIGNATURE);
  });

  test('follows no redirect, and sends nothing to a server that nobody vouches for', async () => {
    let received = 0;
    const url = await serve((request, response) => {
      received += 1;
      request.resume();
      response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    });
    await expect(putFile(file, { url, ca: ca() }, { ...STORED, signal: never })).rejects.toMatchObject({
      code: 'UPLOAD_REFUSED',
      message: expect.stringContaining('answered 307'),
    });
    await expect(putFile(file, { url }, { ...STORED, signal: never })).rejects.toMatchObject({
      code: 'SERVER_UNVERIFIED',
    });
    expect(received).toBe(1);
  });

  test('ends when the user ends it', async () => {
    const ending = new AbortController();
    const url = await serve(() => ending.abort(new ExhibitError('CAPTURE_INTERRUPTED', 'ended')), true);
    const upload = () =>
      uploadArchive(file, { url }, { ...STORED, signal: ending.signal, tell: () => undefined });
    await expect(attemptUpload({ url }, STORED, upload)).rejects.toMatchObject({
      code: 'CAPTURE_INTERRUPTED',
    });
  });
});

describe('a URL', () => {
  test.each([
    ['', 'no https'],
    ['s3://bucket/key', 'no https|https://'],
    ['file:///etc/passwd', 'no https'],
    ['http://store.example/a?sig=secret-of-length', 'must begin with https'],
    ['http://127.0.0.1.example/a', 'must begin with https'],
    ['https://user:secret-of-length@store.example/a', 'a user or a password'],
    ['https://s3.example/a?X-Amz-SignedHeaders=host;x-amz-acl', 'x-amz-acl'],
    [`https://s3.example/${'a'.repeat(20_000)}`, 'no https'],
  ])('number %# is refused without being repeated', (text, why) => {
    expect(() => parseUploadUrl(text)).toThrow(new RegExp(why));
    try {
      parseUploadUrl(text);
    } catch (error) {
      expect(String(error)).not.toContain('secret-of-length');
    }
  });

  test('gets the headers that it was signed with, and Azure its own', () => {
    const signed = 'X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-checksum-sha256';
    const headers = uploadHeaders(`https://s3.example/a?${signed}`, STORED);
    expect(Buffer.from(headers['x-amz-checksum-sha256'] ?? '', 'base64').toString('hex')).toBe(STORED.sha256);
    expect(Object.keys(uploadHeaders('https://s3.example/a?X-Amz-SignedHeaders=host', STORED))).toEqual([
      'content-length',
      'content-type',
      'content-digest',
    ]);
    const azure = uploadHeaders('https://a.blob.core.windows.net/c/b?sv=2024-11-04&sig=abc', STORED);
    expect(azure['x-ms-blob-type']).toBe('BlockBlob');
  });
});

describe('what a pod tells of its upload', () => {
  const upload = (...pieces: readonly string[]) =>
    uploadInPod(
      { url: 'https://s3.example/a', ...STORED },
      {
        signal: AbortSignal.timeout(5000),
        tell: () => undefined,
        onProgress: () => undefined,
        run: async (input, onOutput) => {
          expect(JSON.parse(input)).toMatchObject({ url: 'https://s3.example/a', size: STORED.size });
          for (const piece of pieces) onOutput(Buffer.from(piece));
        },
      },
    );

  test('is read line by line', async () => {
    await upload('{"done":1}\n{"no', 'te":"again"}\n{"stored"', ':true}\n');
    await expect(upload('{"error":"no","help":["mend"]}\n')).rejects.toMatchObject({
      code: 'UPLOAD_REFUSED',
      message: 'no',
      help: ['mend'],
    });
  });

  test.each(['nonsense\n', '[]\n', '{"stored":"yes"}\n', 'null\n', '{"error":7,"help":{}}\n'])(
    'is no success where it is malformed: %j',
    async (line) => {
      await expect(upload(line)).rejects.toMatchObject({ code: 'UPLOAD_REFUSED' });
    },
  );

  test('is bounded', async () => {
    await expect(upload('x'.repeat(20_000))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
