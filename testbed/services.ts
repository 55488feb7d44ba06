import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_ADDRESS, NODE_NAME } from './credentials.ts';
import { succeeded, until } from './process.ts';
import type { Sandbox } from './sandbox.ts';

/** Starts etcd, containerd, the API server and the kubelet, each with what its sandbox makes necessary. */
export async function startServices(node: Sandbox, options: ServiceOptions): Promise<void> {
  await configure(node, options);
  await Promise.all([startApiServer(node, options), startContainerd(node, options)]);
  await startKubelet(node, options);
}

export interface KubeletOptions {
  /** How long the kubelet remembers a refusal, as Go writes durations. */
  readonly authorizationCache: string;
  readonly featureGates: Readonly<Record<string, boolean>>;
}

export interface ServiceOptions extends KubeletOptions {
  /** Of the credentials. */
  readonly folder: string;
  /** The workloads' images, in the sandbox. */
  readonly images: string;
  /** A script for people's shells on the node. */
  readonly exhibit: string;
}

async function configure(node: Sandbox, options: ServiceOptions): Promise<void> {
  const script = [
    'ip link set lo up',
    // The kubelet refuses 127.0.0.0/8 as its address, and the API server refuses to advertise it.
    `ip address add ${NODE_ADDRESS}/32 dev lo`,
    `hostname ${NODE_NAME}`,
    `printf '127.0.0.1 localhost\\n${NODE_ADDRESS} ${NODE_NAME}\\n' >/etc/hosts`,
    'mkdir -p /etc/containerd /etc/kubernetes/manifests /etc/cni/net.d /etc/containers /etc/criu',
  ];
  succeeded(['configure'], await node.exec(['sh', '-eu', '-c', script.join('\n')]));
  const write = (path: string, text: string) => writeFileSync(join(node.root, path), text);
  write('etc/containerd/config.toml', CONTAINERD);
  write('etc/cni/net.d/10-pods.conflist', JSON.stringify(POD_NETWORK));
  write('etc/containers/containers.conf', PODMAN);
  write('etc/containers/policy.json', JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  writeFileSync(join(node.root, 'usr/local/bin/exhibit'), options.exhibit, { mode: 0o755 });
  // JSON is YAML.
  write('etc/kubernetes/kubelet.yaml', JSON.stringify(kubeletConfiguration(options)));
}

const CONTAINERD = `version = 3
[plugins.'io.containerd.cri.v1.runtime']
  # Sandboxed hosts lack CAP_SYS_RESOURCE, without which no score can be lowered.
  restrict_oom_score_adj = true
`;

// crun refuses hybrid cgroups, and nothing here is run by systemd.
const PODMAN = `[containers]
netns = "none"
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

const POD_NETWORK = {
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.244.0.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
};

function kubeletConfiguration({ folder, authorizationCache, featureGates }: ServiceOptions) {
  const cache = { cacheAuthorizedTTL: authorizationCache, cacheUnauthorizedTTL: authorizationCache };
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    featureGates,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${folder}/ca.crt` },
    },
    authorization: { mode: 'Webhook', webhook: cache },
    tlsCertFile: `${folder}/kubelet.crt`,
    tlsPrivateKeyFile: `${folder}/kubelet.key`,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    // As kubeadm has it: pods that no API server was told of.
    staticPodPath: '/etc/kubernetes/manifests',
    readOnlyPort: 0,
    failSwapOn: false,
    // What a container-like host does not give: its own cgroup tree, iptables, block devices.
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    localStorageCapacityIsolation: false,
    makeIPTablesUtilChains: false,
  };
}

async function startContainerd(node: Sandbox, { images }: ServiceOptions): Promise<void> {
  await node.service('containerd', ['containerd']);
  const importImages = ['ctr', '--namespace', 'k8s.io', 'image', 'import', images];
  await until('containerd', async () => {
    return succeeded(importImages, await node.exec(importImages));
  });
}

async function startApiServer(node: Sandbox, { folder }: ServiceOptions): Promise<void> {
  await node.service('etcd', ['etcd', '--data-dir=/var/lib/etcd/data', '--unsafe-no-fsync']);
  await node.service('kube-apiserver', [
    'kube-apiserver',
    '--etcd-servers=http://127.0.0.1:2379',
    `--advertise-address=${NODE_ADDRESS}`,
    `--tls-cert-file=${folder}/apiserver.crt`,
    `--tls-private-key-file=${folder}/apiserver.key`,
    `--client-ca-file=${folder}/ca.crt`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${folder}/service-accounts.pub`,
    `--service-account-signing-key-file=${folder}/service-accounts.key`,
    '--authorization-mode=Node,RBAC',
    // No controllers run that would make each namespace's account.
    '--disable-admission-plugins=ServiceAccount',
    `--kubelet-client-certificate=${folder}/apiserver-kubelet-client.crt`,
    `--kubelet-client-key=${folder}/apiserver-kubelet-client.key`,
    `--kubelet-certificate-authority=${folder}/ca.crt`,
    '--kubelet-preferred-address-types=InternalIP',
    '--allow-privileged',
  ]);
  const ready = ['kubectl', `--kubeconfig=${folder}/admin.kubeconfig`, 'get', '--raw=/readyz'];
  await until('the API server', async () => {
    return succeeded(ready, await node.exec(ready));
  });
}

async function startKubelet(node: Sandbox, { folder }: ServiceOptions): Promise<void> {
  await node.service('kubelet', [
    'kubelet',
    '--config=/etc/kubernetes/kubelet.yaml',
    `--kubeconfig=${folder}/node.kubeconfig`,
    `--hostname-override=${NODE_NAME}`,
    `--node-ip=${NODE_ADDRESS}`,
  ]);
  const condition = `jsonpath={.status.conditions[?(@.type=="Ready")].status}`;
  const kubectl = ['kubectl', `--kubeconfig=${folder}/admin.kubeconfig`];
  const ready = [...kubectl, 'get', 'node', NODE_NAME, '-o', condition];
  await until('the node to be Ready', async () => {
    return (await node.exec(ready)).stdout === 'True' || undefined;
  });
}
