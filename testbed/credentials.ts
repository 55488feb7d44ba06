import { join } from 'node:path';
import { succeeded } from './process.ts';
import type { Sandbox } from './sandbox.ts';

export const NODE_NAME = 'n1';
export const NODE_ADDRESS = '10.89.0.10';

export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Paths of files; each is valid on the host and, the same, inside the node. */
export interface Credentials {
  readonly folder: string;
  /** Signs every certificate below: clients', the API server's and the kubelet's own. */
  readonly ca: string;
  /** O=system:masters. */
  readonly admin: ClientCertificate & { readonly kubeconfig: string };
  /** Authenticated, and allowed nothing until it is granted. */
  readonly investigator: ClientCertificate & { readonly kubeconfig: string };
  /** CN=system:node:n1, O=system:nodes: what lies on every node. */
  readonly node: ClientCertificate & { readonly kubeconfig: string };
  /** What the API server shows to kubelets: CN=kube-apiserver-kubelet-client. */
  readonly apiServer: ClientCertificate;
}

export function credentialsIn(folder: string): Credentials {
  const file = (name: string) => join(folder, name);
  const client = (name: string) => ({ certificate: file(`${name}.crt`), key: file(`${name}.key`) });
  const user = (name: string) => ({ ...client(name), kubeconfig: file(`${name}.kubeconfig`) });
  return {
    folder,
    ca: file('ca.crt'),
    admin: user('admin'),
    investigator: user('investigator'),
    node: user('node'),
    apiServer: client('apiserver-kubelet-client'),
  };
}

const SERVERS = `DNS:kubernetes,DNS:kubernetes.default,DNS:localhost,DNS:${NODE_NAME},IP:${NODE_ADDRESS},IP:127.0.0.1,IP:10.96.0.1`;

/** File name → subject, and names that it serves under. */
const CERTIFICATES: readonly (readonly [name: string, subject: string, servesAs?: string])[] = [
  ['admin', '/O=system:masters/CN=admin'],
  ['investigator', '/CN=investigator'],
  ['node', `/O=system:nodes/CN=system:node:${NODE_NAME}`],
  ['apiserver-kubelet-client', '/CN=kube-apiserver-kubelet-client'],
  ['apiserver', '/CN=kube-apiserver', SERVERS],
  ['kubelet', `/CN=${NODE_NAME}`, SERVERS],
];

export async function writeCredentials(node: Sandbox, folder: string): Promise<void> {
  const lines = [
    `cd ${folder}`,
    newKey('ca'),
    'openssl req -x509 -new -key ca.key -subj /CN=exhibit-testbed-ca -days 30 -out ca.crt',
    newKey('service-accounts'),
    'openssl pkey -in service-accounts.key -pubout -out service-accounts.pub',
    ...CERTIFICATES.flatMap(signedCertificate),
    ...['admin', 'investigator', 'node'].flatMap(kubeconfig),
    'chmod 600 *.key *.kubeconfig',
  ];
  const argv = ['sh', '-eu', '-c', lines.join('\n')];
  succeeded(['openssl'], await node.exec(argv));
}

function newKey(name: string): string {
  return `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ${name}.key`;
}

function signedCertificate([name, subject, servesAs]: (typeof CERTIFICATES)[number]): string[] {
  const alternatives = servesAs ? `-addext subjectAltName=${servesAs}` : '';
  return [
    newKey(name),
    `openssl req -x509 -new -CA ca.crt -CAkey ca.key -key ${name}.key -subj ${subject} -days 30 ` +
      `-addext basicConstraints=critical,CA:FALSE ${alternatives} -out ${name}.crt`,
  ];
}

/** A user's configuration for kubectl; it carries its certificates, so that it works wherever it is copied to. */
function kubeconfig(user: string): string[] {
  const kubectl = `kubectl --kubeconfig=${user}.kubeconfig config`;
  return [
    `${kubectl} set-cluster testbed --server=https://${NODE_ADDRESS}:6443 --certificate-authority=ca.crt --embed-certs`,
    `${kubectl} set-credentials ${user} --client-certificate=${user}.crt --client-key=${user}.key --embed-certs`,
    `${kubectl} set-context testbed --cluster=testbed --user=${user}`,
    `${kubectl} use-context testbed`,
  ].map((line) => `${line} >/dev/null`);
}
