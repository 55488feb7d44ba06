import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cached } from './cache.ts';
import { type Credentials, credentialsIn, NODE_ADDRESS, NODE_NAME, writeCredentials } from './credentials.ts';
import { images, type KubernetesVersion, kubernetes, rootfs, servers, wantedKubernetes } from './parts.ts';
import { type Result, type Running, type RunOptions, succeeded, until } from './process.ts';
import { type Progress, silent } from './progress.ts';
import { API_SERVER_BINDING, clusterRole, clusterRoleBinding, type Rule, type Subject } from './rbac.ts';
import { Sandbox, startSandbox } from './sandbox.ts';
import { type KubeletOptions, startServices } from './services.ts';
import { readState } from './state.ts';

const REPOSITORY = dirname(import.meta.dirname);
const IMAGES = '/usr/local/lib/exhibit/images.tar';
/** The repository and the host's Node.js are inside a node too, read-only. */
const REPOSITORY_INSIDE = '/repo';
const EXHIBIT_INSIDE = `${REPOSITORY_INSIDE}/dist/exhibit.cjs`;
const NODE_JS_INSIDE = '/usr/local/bin/node';
/** Where pods find the programs of workloads/servers.ts, on the node. */
const SERVERS_INSIDE = '/srv/servers';

export interface NodeOptions {
  /** Once started, lives on after the caller; otherwise ends when the caller does, however that ends. Default: false. */
  readonly detached?: boolean;
  /** How long the kubelet remembers whom it refused (Kubernetes' default: 30s) and allowed (5m). Default: 1s. */
  readonly authorizationCache?: string;
  /** The kubelet's, beside its defaults. */
  readonly featureGates?: Readonly<Record<string, boolean>>;
  /** Of kubelet and API server. Default: the environment's EXHIBIT_KUBERNETES, else the newest. */
  readonly version?: KubernetesVersion;
  /** With the programs of workloads/servers.ts. Default: false. */
  readonly servers?: boolean;
  readonly progress?: Progress;
}

/** Starts a Kubernetes node: 5 seconds when all its parts are cached, minutes otherwise. Needs root. */
export async function startNode(options: NodeOptions = {}): Promise<TestNode> {
  const { detached = false, authorizationCache = '1s', featureGates = {}, progress = silent } = options;
  const rootfsPath = await cached(rootfs, progress);
  const kubernetesPath = await cached(kubernetes(options.version ?? wantedKubernetes()), progress);
  const binds = {
    '/usr/local/bin/kubelet': kubernetesPath,
    '/usr/local/bin/kube-apiserver': kubernetesPath,
    [IMAGES]: await cached(images(rootfsPath), progress),
    [NODE_JS_INSIDE]: process.execPath,
    [REPOSITORY_INSIDE]: REPOSITORY,
    ...(options.servers === true ? { [SERVERS_INSIDE]: await cached(servers, progress) } : {}),
  };
  const { state, detach } = await startSandbox({ rootfs: rootfsPath, binds });
  const node = new TestNode(state);
  try {
    const kubelet = { authorizationCache, featureGates };
    await progress.step('starting the node', () => startKubernetes(node, kubelet));
  } catch (error) {
    const logs = await node.exec(['sh', '-c', 'tail -n 15 /var/log/*.log']);
    await node.stop();
    throw new Error(`the node did not start; its logs end with:\n${logs.stdout}`, { cause: error });
  }
  if (detached) await detach();
  return node;
}

/** A node that is running already, which another process may have started. */
export function openNode(id: string): TestNode {
  return new TestNode(readState(id));
}

async function startKubernetes(node: TestNode, kubelet: KubeletOptions): Promise<void> {
  const { folder } = node.credentials;
  await writeCredentials(node, folder);
  const exhibit = `#!/bin/sh\nexec ${NODE_JS_INSIDE} ${EXHIBIT_INSIDE} "$@"\n`;
  await startServices(node, { folder, images: IMAGES, exhibit, ...kubelet });
  await node.apply(API_SERVER_BINDING);
}

/** The certificate for the kubelet where a distribution keeps it on its nodes. */
const CERTIFICATE_PLACES = {
  'kubeadm-control-plane': '/etc/kubernetes/pki/apiserver-kubelet-client',
  k3s: '/var/lib/rancher/k3s/agent/client-kubelet',
  rke2: '/var/lib/rancher/rke2/agent/client-kubelet',
} as const;
const KUBEADM_NODE_CERTIFICATE = '/var/lib/kubelet/pki/kubelet-client-current.pem';

export type Distribution = keyof typeof CERTIFICATE_PLACES | 'kubeadm-node';

export class TestNode extends Sandbox {
  readonly name = NODE_NAME;
  readonly address = NODE_ADDRESS;
  #podmanImages: Promise<unknown> | undefined;

  get id(): string {
    return this.state.id;
  }

  get credentials(): Credentials {
    return credentialsIn(join(this.state.folder, 'credentials'));
  }

  /** The host's path of a file in the node. */
  hostPath(path: string): string {
    return join(this.root, path);
  }

  /** kubectl as admin; its output. */
  async kubectl(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const argv = ['kubectl', `--kubeconfig=${this.credentials.admin.kubeconfig}`, ...args];
    return succeeded(argv, await this.exec(argv, options));
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) });
  }

  /** Waits until all containers of a pod run. */
  async waitRunning(namespace: string, pod: string): Promise<void> {
    await this.kubectl(['wait', '-n', namespace, `pod/${pod}`, '--for=condition=Ready', '--timeout=60s']);
  }

  /** Removes a pod at once. */
  async remove(namespace: string, pod: string): Promise<void> {
    await this.kubectl(['delete', '-n', namespace, `pod/${pod}`, '--force', '--grace-period=0', '--wait']);
  }

  /** Gives a subject what the rules allow, under a name by which `revoke` takes it back. */
  async grant(name: string, subject: Subject, rules: readonly Rule[]): Promise<void> {
    await this.apply(clusterRole(name, rules), clusterRoleBinding(name, name, subject));
  }

  async revoke(name: string): Promise<void> {
    await this.kubectl(['delete', `clusterrolebinding/${name}`, `clusterrole/${name}`]);
  }

  /** A token of a service account, which is made if it is not there. */
  async token(namespace: string, serviceAccount: string): Promise<string> {
    const metadata = { name: serviceAccount, namespace };
    await this.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    return (await this.kubectl(['create', 'token', serviceAccount, '-n', namespace])).trim();
  }

  /** Puts a certificate for the kubelet where a distribution would; the result takes it away again. */
  placeCertificate(distribution: Distribution): () => void {
    const { ca, apiServer, node } = this.credentials;
    if (distribution === 'kubeadm-node') {
      const pem = readFileSync(node.certificate, 'utf8') + readFileSync(node.key, 'utf8');
      return this.#place([
        [KUBEADM_NODE_CERTIFICATE, pem],
        ['/etc/kubernetes/pki/ca.crt', readFileSync(ca)],
      ]);
    }
    const place = CERTIFICATE_PLACES[distribution];
    const kubeadm = distribution === 'kubeadm-control-plane';
    const { certificate, key } = kubeadm ? apiServer : node;
    return this.#place([
      [`${place}.crt`, readFileSync(certificate)],
      [`${place}.key`, readFileSync(key)],
      [join(dirname(place), kubeadm ? 'ca.crt' : 'client-ca.crt'), readFileSync(ca)],
    ]);
  }

  #place(files: readonly (readonly [path: string, content: string | Buffer])[]): () => void {
    const paths = files.map(([path, content]) => {
      mkdirSync(dirname(this.hostPath(path)), { recursive: true });
      writeFileSync(this.hostPath(path), content, { mode: 0o600 });
      return this.hostPath(path);
    });
    return () => {
      for (const path of paths) rmSync(path);
    };
  }

  /** What /etc/criu/runc.conf says from now on, an option a line; nothing removes the file. */
  setRuncOptions(...options: readonly string[]): void {
    const path = this.hostPath('/etc/criu/runc.conf');
    if (options.length > 0) writeFileSync(path, `${options.join('\n')}\n`);
    else rmSync(path, { force: true });
  }

  /** Captures a container as admin through the kubelet; the archive's path in the node. */
  async checkpoint(namespace: string, pod: string, container: string): Promise<string> {
    const { ca, admin } = this.credentials;
    const url = `https://${NODE_ADDRESS}:10250/checkpoint/${namespace}/${pod}/${container}`;
    const tls = ['--cacert', ca, '--cert', admin.certificate, '--key', admin.key];
    const argv = ['curl', '-sS', '--fail-with-body', '-X', 'POST', ...tls, url];
    const { items } = JSON.parse(succeeded(argv, await this.exec(argv)));
    return items[0];
  }

  /** Podman with runc; the workloads' images are loaded before the first call. */
  async podman(args: readonly string[], options: RunOptions = {}): Promise<string> {
    this.#podmanImages ??= this.exec(['podman', 'load', '--quiet', '--input', IMAGES]);
    await this.#podmanImages;
    const argv = ['podman', ...args];
    return succeeded(argv, await this.exec(argv, options));
  }

  /** Our command line, as a responder with a root shell on the node runs it. */
  exhibit(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.startExhibit(args, options).finished;
  }

  /** The same, to be watched and sent signals to with `signal`. */
  startExhibit(args: readonly string[], options: RunOptions = {}): Running {
    return this.start([NODE_JS_INSIDE, EXHIBIT_INSIDE, ...args], options);
  }

  /** The same, as a responder elsewhere, who reaches the node's network only. */
  exhibitElsewhere(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    // Locks lie in the folder for temporary files, by names that pods of another node may have too.
    const env = { ...process.env, ...options.env, TMPDIR: this.state.folder };
    return this.execOnNetwork([process.execPath, `${REPOSITORY}/dist/exhibit.cjs`, ...args], {
      ...options,
      env,
    });
  }
}

/** Waits for a container's log to hold a text. */
export function waitLog(node: TestNode, namespace: string, pod: string, container: string, text: string) {
  return until(`"${text}" in the log of ${namespace}/${pod}/${container}`, async () => {
    const log = await node.kubectl(['logs', '-n', namespace, pod, '-c', container]);
    return log.includes(text) || undefined;
  });
}
