/**
 * Where Kubernetes distributions keep, on a node, what a capture there needs. Sources: k3s and RKE2
 * (pkg/daemons/agent, pkg/daemons/control: client-kubelet.crt; kubelets' serving certificates are signed by server-ca),
 * kubeadm (/etc/kubernetes/pki, kubelet-client-current.pem from the TLS bootstrap).
 */

interface CertificatePlace {
  /** What it is, for the user. */
  readonly title: string;
  readonly cert: string;
  readonly key: string;
}

export interface NodeLayout {
  readonly name: 'k3s' | 'RKE2' | 'kubeadm';
  /** Client certificates for the kubelet, the one that may most first. */
  readonly certificates: readonly CertificatePlace[];
  /** What the kubelet's serving certificate may be verified against; all that exist are taken together. */
  readonly authorities: readonly string[];
  readonly kubeconfig: string;
}

function rancher(name: 'k3s' | 'RKE2', folder: string): NodeLayout {
  const data = `/var/lib/rancher/${folder}`;
  const certificate = (title: string, place: string): CertificatePlace => ({
    title,
    cert: `${data}/${place}.crt`,
    key: `${data}/${place}.key`,
  });
  return {
    name,
    certificates: [
      certificate("the API server's client certificate", 'server/tls/client-kube-apiserver'),
      certificate("the node's client certificate", 'agent/client-kubelet'),
    ],
    authorities: [`${data}/agent/server-ca.crt`, `${data}/agent/client-ca.crt`],
    kubeconfig: `/etc/rancher/${folder}/${folder}.yaml`,
  };
}

export const NODE_LAYOUTS: readonly NodeLayout[] = [
  rancher('k3s', 'k3s'),
  rancher('RKE2', 'rke2'),
  {
    name: 'kubeadm',
    certificates: [
      {
        title: "the API server's client certificate",
        cert: '/etc/kubernetes/pki/apiserver-kubelet-client.crt',
        key: '/etc/kubernetes/pki/apiserver-kubelet-client.key',
      },
      {
        title: "the node's client certificate",
        cert: '/var/lib/kubelet/pki/kubelet-client-current.pem',
        key: '/var/lib/kubelet/pki/kubelet-client-current.pem',
      },
    ],
    // Without serverTLSBootstrap a kubelet signs for itself and keeps the chain in kubelet.crt.
    authorities: ['/etc/kubernetes/pki/ca.crt', '/var/lib/kubelet/pki/kubelet.crt'],
    kubeconfig: '/etc/kubernetes/admin.conf',
  },
];
