import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findNodeCredentials, findNodeKubeconfig, readGivenCredentials } from './credentials.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'exhibit-node-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(file: string, text = file): string {
  const full = path.join(root, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

describe('found on a node', () => {
  test.each([
    ['k3s', '/var/lib/rancher/k3s/agent/client-kubelet', '/var/lib/rancher/k3s/agent/server-ca.crt'],
    [
      'k3s',
      '/var/lib/rancher/k3s/server/tls/client-kube-apiserver',
      '/var/lib/rancher/k3s/agent/client-ca.crt',
    ],
    ['RKE2', '/var/lib/rancher/rke2/agent/client-kubelet', '/var/lib/rancher/rke2/agent/server-ca.crt'],
    ['kubeadm', '/etc/kubernetes/pki/apiserver-kubelet-client', '/etc/kubernetes/pki/ca.crt'],
  ])('%s: %s', async (name, place, ca) => {
    for (const file of [`${place}.crt`, `${place}.key`, ca]) put(file);
    const found = await findNodeCredentials(root);
    expect(found?.layout.name).toBe(name);
    expect(found?.credentials).toMatchObject({ cert: `${place}.crt`, key: `${place}.key`, ca: [ca] });
    expect(found?.credentials.origin).toContain(`${place}.crt`);
  });

  test('kubeadm: certificate and key of a worker in one file, and the kubelet that signs for itself', async () => {
    const pem = put('/var/lib/kubelet/pki/kubelet-client-current.pem', 'both');
    put('/var/lib/kubelet/pki/kubelet.crt', 'own');
    const found = await findNodeCredentials(root);
    expect(pem).toContain(root);
    expect(found?.credentials).toMatchObject({ cert: 'both', key: 'both', ca: ['own'] });
  });

  test('a server certificate goes before the node’s, which may less', async () => {
    for (const place of ['server/tls/client-kube-apiserver', 'agent/client-kubelet']) {
      for (const end of ['crt', 'key']) put(`/var/lib/rancher/k3s/${place}.${end}`);
    }
    expect((await findNodeCredentials(root))?.credentials.cert).toContain('server/tls');
  });

  test('nothing on a machine that is no node, and nothing by halves', async () => {
    expect(await findNodeCredentials(root)).toBeUndefined();
    put('/var/lib/rancher/k3s/agent/client-kubelet.crt');
    expect(await findNodeCredentials(root)).toBeUndefined();
  });

  test('the kubeconfig of a distribution', async () => {
    expect(await findNodeKubeconfig(root)).toBeUndefined();
    const file = put('/etc/rancher/k3s/k3s.yaml');
    expect(await findNodeKubeconfig(root)).toBe(file);
  });
});

describe('given', () => {
  test('a certificate, a key and a CA', async () => {
    const given = { cert: put('c', 'CERT'), key: put('k', 'KEY'), cacert: put('a', 'CA') };
    expect(await readGivenCredentials(given)).toMatchObject({ cert: 'CERT', key: 'KEY', ca: ['CA'] });
  });

  test('a certificate that holds its key', async () => {
    expect(await readGivenCredentials({ cert: put('c', 'BOTH') })).toMatchObject({
      cert: 'BOTH',
      key: 'BOTH',
    });
  });

  test('a token, also from a file with a line feed', async () => {
    expect(await readGivenCredentials({ token: 'abc' })).toMatchObject({
      token: 'abc',
      origin: 'the given token',
    });
    expect(await readGivenCredentials({ tokenFile: put('t', 'abc\n') })).toMatchObject({ token: 'abc' });
  });

  test('a CA alone is no identity', async () => {
    expect(await readGivenCredentials({ cacert: put('a') })).toBeUndefined();
  });

  test.each([
    ['a token with a line feed in it', { token: 'abc\r\nX-Evil: 1' }],
    ['an empty token', { token: ' ' }],
    ['a key without a certificate', { key: '/dev/null' }],
    ['a file that is not there', { cert: '/nonexistent/cert.pem' }],
  ])('%s is refused, without repeating it', async (_what, given) => {
    const error = await readGivenCredentials(given).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BAD_CREDENTIALS' });
    expect(String(error)).not.toContain('abc');
  });
});
