/** Captures that go to a store from where they lie, by a presigned URL. */
import { createHash, createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Certificates, makeCertificates } from '../../src/capture/testing/fake-kubelet.ts';
import type { Result } from '../../testbed/process.ts';
import { BUCKET, STORE_KEYS, type Store, startStore } from '../../testbed/store.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { EXHIBIT_IMAGE, importExhibitImage } from './support/exhibit-image.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const INSIDE = '/root/upload';
let certificates: Certificates;
let folder: string;
let store: Store;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-upload-'));
  certificates = makeCertificates('IP:127.0.0.1');
  const { cert, key } = certificates.server;
  await node().apply(pods.namespace(pods.SHOP), pods.namespace('forensics'), pods.hoard(32));
  await importExhibitImage(node());
  store = await startStore(node(), readFileSync(cert), readFileSync(key));
  await node().exec(['mkdir', '-p', INSIDE]);
  writeFileSync(node().hostPath(`${INSIDE}/ca.crt`), readFileSync(certificates.ca));
  await node().waitRunning(pods.SHOP, 'hoard');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  certificates.remove();
});

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const digest = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** AWS Signature Version 4 in a query (AWS, Authenticating Requests: Using Query Parameters). */
function presign(origin: string, name: string): string {
  const url = new URL(`/${BUCKET}/${name}`, origin);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const query = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${STORE_KEYS.access}/${scope}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': '600',
    'X-Amz-SignedHeaders': 'host',
  };
  const canonicalQuery = Object.entries(query)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join('&');
  const request = ['PUT', url.pathname, canonicalQuery, `host:${url.host}\n`, 'host', 'UNSIGNED-PAYLOAD'];
  const text = ['AWS4-HMAC-SHA256', time, scope, digest(request.join('\n'))].join('\n');
  const [day = '', region = '', service = '', end = ''] = scope.split('/');
  const key = [region, service, end].reduce(hmac, hmac(`AWS4${STORE_KEYS.secret}`, day));
  url.search = `${canonicalQuery}&X-Amz-Signature=${hmac(key, text).toString('hex')}`;
  return url.href;
}

const signatureOf = (url: string): string => new URL(url).searchParams.get('X-Amz-Signature') ?? 'none';

async function onNode(url: string, ...argv: readonly string[]): Promise<Result> {
  writeFileSync(node().hostPath(`${INSIDE}/url`), `${url}\n`, { mode: 0o600 });
  const upload = ['--upload', `@${INSIDE}/url`, '--upload-ca', `${INSIDE}/ca.crt`];
  return node().exhibit(['capture', 'shop/hoard', '--via', 'node', '--json', ...upload, ...argv]);
}

test('from the node: what is stored is the archive, which is kept nowhere else', async () => {
  const url = presign(store.origin, 'node.tar');
  const { code, stdout, stderr } = await onNode(url);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining(signatureOf(url))]);
  const { archive, upload } = JSON.parse(stdout);
  const stored = readFileSync(store.pathOf('node.tar'));
  expect(archive).toEqual({
    path: `${store.origin}/${BUCKET}/node.tar`,
    here: false,
    size: stored.length,
    sha256: digest(stored),
  });
  expect(upload.to).toBe(archive.path);
  const kept = node().hostPath('/var/lib/kubelet/checkpoints');
  expect(existsSync(kept) ? readdirSync(kept) : []).toEqual([]);
});

test('from the node: a signature that does not fit is refused, and the archive is kept', async () => {
  const url = presign(store.origin, 'forged.tar').replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  const { code, stdout, stderr } = await onNode(url, '-o', `${INSIDE}/kept`);
  expect(code).toBe(3);
  const { archive, upload } = JSON.parse(stdout);
  expect(upload.failed).toMatch(/answered 403: SignatureDoesNotMatch/);
  expect(archive.here).toBe(true);
  expect(existsSync(store.pathOf('forged.tar'))).toBe(false);
  expect(stdout + stderr).not.toContain(signatureOf(url));
});

test('from a pod on the node, without the archive or the URL going anywhere else', async () => {
  const url = presign(store.origin, 'pod.tar');
  writeFileSync(join(folder, 'url'), url, { mode: 0o600 });
  const image = ['--image', EXHIBIT_IMAGE, '--image-pull-policy', 'Never', '--helper-namespace', 'forensics'];
  const upload = ['--upload', `@${join(folder, 'url')}`, '--upload-ca', certificates.ca];
  const { kubeconfig } = node().credentials.admin;
  const how = ['--via', 'node', '--json', '--kubeconfig', kubeconfig];
  const { code, stdout, stderr } = await node().exhibitElsewhere([
    'capture',
    'shop/hoard',
    ...how,
    ...image,
    ...upload,
  ]);
  expect([code, stderr]).toEqual([0, expect.stringContaining('making helper pod forensics/')]);
  const { archive } = JSON.parse(stdout);
  const stored = readFileSync(store.pathOf('pod.tar'));
  expect(archive).toMatchObject({ here: false, size: stored.length, sha256: digest(stored) });
  expect(archive.path).toBe(`${store.origin}/${BUCKET}/pod.tar`);
  const logs = await node().exec(['sh', '-c', 'grep -rl "$1" /var/log || true', 'sh', signatureOf(url)]);
  expect(stderr + stdout).not.toContain(signatureOf(url));
  expect(logs.stdout.split('\n').filter((file) => file !== '' && file !== '/var/log/store.log')).toEqual([]);
});
