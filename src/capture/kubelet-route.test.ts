import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { KubeletCredentials } from './credentials.ts';
import { kubeletEndpoint, kubeletRoute } from './kubelet-route.ts';
import { ServerTrust, type TrustOptions, type UnknownServer } from './server-trust.ts';
import {
  type Certificates,
  type FakeKubelet,
  makeCertificates,
  startFakeKubelet,
} from './testing/fake-kubelet.ts';

const target = { namespace: 'shop', pod: 'web', container: 'app' };
const archive = '/var/lib/kubelet/checkpoints/checkpoint-web_shop-app-2026-01-01T00:00:00Z.tar';

let certificates: Certificates;
let kubelet: FakeKubelet | undefined;
beforeAll(() => {
  certificates = makeCertificates('DNS:n1');
});
afterAll(() => certificates.remove());
afterEach(async () => {
  await kubelet?.close();
  kubelet = undefined;
});

const read = (file: string): string => readFileSync(file, 'utf8');
const clientCredentials = (): KubeletCredentials => ({
  cert: read(certificates.client.cert),
  key: read(certificates.client.key),
  ca: [read(certificates.ca)],
  origin: 'a test',
});

/** Asks the fake kubelet at `address` for a checkpoint. */
function checkpoint(
  address: string,
  credentials: KubeletCredentials,
  names = ['n1'],
  trust: TrustOptions = {},
) {
  const endpoint = kubeletEndpoint(credentials, { address, names }, new ServerTrust(trust));
  return kubeletRoute(endpoint, { target, reason: 'a test', timeoutSeconds: 3600 }).take();
}

async function answering(status: number, body: string): Promise<FakeKubelet> {
  kubelet = await startFakeKubelet(certificates, (_request, response) =>
    response.writeHead(status).end(body),
  );
  return kubelet;
}

describe('the request', () => {
  test('is a POST to the container with an hour of time, and returns the path', async () => {
    const { address, seen } = await answering(200, JSON.stringify({ items: [archive] }));
    expect(await checkpoint(address, clientCredentials())).toBe(archive);
    expect(seen).toEqual([
      {
        method: 'POST',
        path: '/checkpoint/shop/web/app?timeout=3600',
        authorization: undefined,
        client: 'system:node:n1',
      },
    ]);
  });

  test('carries a token', async () => {
    const { address, seen } = await answering(200, JSON.stringify({ items: [archive] }));
    await checkpoint(address, { token: 'abc', ca: [read(certificates.ca)], origin: 'a test' });
    expect(seen[0]).toMatchObject({ authorization: 'Bearer abc', client: undefined });
  });

  test('turns a refusal into its cause', async () => {
    const { address } = await answering(401, 'Unauthorized');
    await expect(checkpoint(address, clientCredentials())).rejects.toMatchObject({
      code: 'KUBELET_UNAUTHORIZED',
    });
  });

  test('waits for an answer that takes its time', async () => {
    kubelet = await startFakeKubelet(certificates, (_request, response) => {
      setTimeout(() => response.end(JSON.stringify({ items: [archive] })), 1500);
    });
    expect(await checkpoint(kubelet.address, clientCredentials())).toBe(archive);
  });

  test('does not read an answer without end', async () => {
    kubelet = await startFakeKubelet(certificates, (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65536)));
        response.once('drain', more);
      };
      more();
    });
    await expect(checkpoint(kubelet.address, clientCredentials())).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  test('tells a lost connection as what it means for the container', async () => {
    kubelet = await startFakeKubelet(certificates, (_request, response) => response.destroy());
    await expect(checkpoint(kubelet.address, clientCredentials())).rejects.toMatchObject({
      code: 'CAPTURE_CONNECTION_LOST',
      message: expect.stringContaining('frozen'),
    });
  });
});

describe('the identity of the kubelet', () => {
  const isUnverified = { code: 'SERVER_UNVERIFIED' };

  test.each([
    ['no CA is known', () => ({ ...clientCredentials(), ca: undefined }), ['n1']],
    ['the CA is another', () => ({ ...clientCredentials(), ca: [read(certificates.other)] }), ['n1']],
    ['the certificate is for another node', clientCredentials, ['n2']],
  ])('is refused when %s: nothing is sent, the fingerprint is told', async (_why, credentials, names) => {
    const { address, seen } = await answering(200, '');
    // A loopback address is this machine, whose node's name (n1) is in the client's certificate.
    const own = names[0] === 'n2' ? { ...credentials(), cert: undefined, key: undefined } : credentials();
    const refusal = await checkpoint(address, own, names).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      ...isUnverified,
      message: expect.stringMatching(/([0-9A-F]{2}:){31}[0-9A-F]{2}/),
    });
    expect((refusal as { help: string[] }).help.join()).toMatch(
      /--cacert.*--fingerprint.*--insecure-skip-tls-verify/,
    );
    expect(seen).toEqual([]);
  });

  test('fits by any name of the node, its own certificate telling one', async () => {
    const { address } = await answering(200, JSON.stringify({ items: [archive] }));
    expect(await checkpoint(address, clientCredentials(), [])).toBe(archive);
  });

  describe('by the fingerprint of its certificate', () => {
    const stranger = (): KubeletCredentials => ({ ...clientCredentials(), ca: undefined });
    const fingerprint = (): string => new X509Certificate(read(certificates.server.cert)).fingerprint256;
    const archived = () => answering(200, JSON.stringify({ items: [archive] }));

    test.each([
      ['as openssl prints it', (shown: string) => `sha256 Fingerprint=${shown}`],
      ['as plain digits', (shown: string) => shown.replaceAll(':', '').toLowerCase()],
    ])('is believed when it was given %s', async (_how, write) => {
      const { address, seen } = await archived();
      const trust = { fingerprint: write(fingerprint()) };
      expect(await checkpoint(address, stranger(), [], trust)).toBe(archive);
      expect(seen).toMatchObject([{ method: 'POST', client: 'system:node:n1' }]);
    });

    test('is refused when another was given, even if a CA vouches for it: nothing is sent', async () => {
      const { address, seen } = await archived();
      const trust = { fingerprint: '00'.repeat(32) };
      await expect(checkpoint(address, clientCredentials(), ['n1'], trust)).rejects.toMatchObject({
        ...isUnverified,
        message: expect.stringContaining(fingerprint()),
      });
      expect(seen).toEqual([]);
    });

    test('is asked for once, and the route says that a person accepted it', async () => {
      const { address, seen } = await archived();
      const asked: UnknownServer[] = [];
      const askTrust = async (server: UnknownServer) => asked.push(server) > 0;
      const endpoint = kubeletEndpoint(stranger(), { address }, new ServerTrust({ askTrust }));
      const route = kubeletRoute(endpoint, { target, reason: 'a test', timeoutSeconds: 3600 });
      expect(await route.take()).toBe(archive);
      expect(await route.take()).toBe(archive);
      expect(asked).toMatchObject([{ fingerprint: fingerprint(), origin: `https://${address}` }]);
      expect(route.trust).toContain('accepted by its fingerprint');
      expect(seen).toHaveLength(2);
    });

    test('is refused when the person says no', async () => {
      const { address, seen } = await archived();
      const trust = { askTrust: async () => false };
      await expect(checkpoint(address, stranger(), [], trust)).rejects.toMatchObject(isUnverified);
      expect(seen).toEqual([]);
    });

    test('is an error of the user when it is none', () => {
      expect(() => new ServerTrust({ fingerprint: 'ab:cd' })).toThrow(
        expect.objectContaining({ code: 'BAD_CREDENTIALS' }),
      );
    });
  });

  test('is not asked for when the user says so, and the route says that', async () => {
    const { address } = await answering(200, JSON.stringify({ items: [archive] }));
    const endpoint = kubeletEndpoint(
      { token: 'abc', origin: 'a test' },
      { address },
      new ServerTrust({ insecureSkipTlsVerify: true }),
    );
    const route = kubeletRoute(endpoint, { target, reason: '', timeoutSeconds: 1 });
    expect(route.trust).toContain('NOT verified');
    expect(await route.take()).toBe(archive);
  });
});

describe('before anything is sent', () => {
  test('a closed port is told', async () => {
    const { address, close } = await answering(200, '');
    await close();
    kubelet = undefined;
    await expect(checkpoint(address, clientCredentials())).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('nothing listens there'),
    });
  });

  test('a server that speaks no TLS is told', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await expect(checkpoint(`127.0.0.1:${port}`, clientCredentials())).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('does not speak TLS'),
    });
    server.close();
  });

  test('a name that nobody knows is told', async () => {
    await expect(checkpoint('node.invalid', clientCredentials())).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
  });

  test('a key that is not the certificate’s is told, and not shown', async () => {
    const { address } = await answering(200, '');
    const credentials = { ...clientCredentials(), key: read(certificates.server.key) };
    const error = await checkpoint(address, credentials).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BAD_CREDENTIALS' });
    expect(JSON.stringify(error) + String(error)).not.toContain('PRIVATE');
  });

  test.each(['', 'a b', 'x/y', 'user@host', 'host:99999', 'host?x'])('%j is no address', (address) => {
    expect(() => kubeletEndpoint(clientCredentials(), { address }, new ServerTrust({}))).toThrow(
      expect.objectContaining({ code: 'BAD_TARGET' }),
    );
  });

  test.each([
    ['10.0.0.7', 'https://10.0.0.7:10250'],
    ['10.0.0.7:443', 'https://10.0.0.7'],
    ['node1.example.com:4000', 'https://node1.example.com:4000'],
    ['fd00::7', 'https://[fd00::7]:10250'],
    ['[fd00::7]:4000', 'https://[fd00::7]:4000'],
  ])('%s is %s', (address, origin) => {
    expect(kubeletEndpoint(clientCredentials(), { address }, new ServerTrust({})).url.origin).toBe(origin);
  });
});
