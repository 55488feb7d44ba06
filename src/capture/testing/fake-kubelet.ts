/** A kubelet for fast tests: a real HTTPS server on loopback with certificates of its own, which answers as it is told. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A system's own program, not a package's. */
const OPENSSL = 'openssl';

export interface Certificates {
  readonly folder: string;
  /** Paths of PEM files. `other` is a CA that signed none of them; `client` is issued by `ca`. */
  readonly ca: string;
  readonly other: string;
  readonly client: { readonly cert: string; readonly key: string };
  readonly server: { readonly cert: string; readonly key: string };
  remove(): void;
}

/** Made anew by openssl for each run: no private key lies in the repository. `servesAs`: subjectAltName. */
export function makeCertificates(servesAs: string): Certificates {
  const folder = mkdtempSync(path.join(tmpdir(), 'exhibit-certificates-'));
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync(OPENSSL, args, { cwd: folder, stdio: 'pipe' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '2'];
  for (const ca of ['ca', 'other']) {
    openssl('req', '-x509', ...key, '-subj', `/CN=${ca}`, '-keyout', `${ca}.key`, '-out', `${ca}.crt`);
  }
  const issue = (name: string, subject: string, ...more: readonly string[]): void => {
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:FALSE'];
    openssl(
      'req',
      '-x509',
      ...key,
      ...signed,
      '-subj',
      subject,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      ...more,
    );
  };
  issue('server', '/CN=n1', '-addext', `subjectAltName=${servesAs}`);
  issue('client', '/O=system:nodes/CN=system:node:n1');
  const pair = (name: string) => ({ cert: file(`${name}.crt`), key: file(`${name}.key`) });
  return {
    folder,
    ca: file('ca.crt'),
    other: file('other.crt'),
    client: pair('client'),
    server: pair('server'),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  /** CN of the client's certificate. */
  readonly client: string | undefined;
}

export interface FakeKubelet {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly seen: readonly SeenRequest[];
  close(): Promise<void>;
}

/** Starts the server; `answer` gets each request and writes the response when it likes. */
export async function startFakeKubelet(
  certificates: Certificates,
  answer: (request: SeenRequest, response: ServerResponse) => void,
): Promise<FakeKubelet> {
  const seen: SeenRequest[] = [];
  const options = {
    cert: readFileSync(certificates.server.cert),
    key: readFileSync(certificates.server.key),
    ca: readFileSync(certificates.ca),
    requestCert: true,
    rejectUnauthorized: false,
  };
  const server: Server = createServer(options, (request, response) => {
    const entry = describeRequest(request);
    seen.push(entry);
    answer(entry, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function describeRequest(request: IncomingMessage): SeenRequest {
  const socket = request.socket as import('node:tls').TLSSocket;
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization,
    client: [socket.getPeerCertificate()?.subject?.CN].flat()[0],
  };
}
