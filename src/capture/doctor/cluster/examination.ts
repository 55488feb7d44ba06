/** What keeps a cluster's containers from being captured by the user of a kubeconfig. Nothing is changed or captured. */
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { type ClusterNode, listNodes } from '../../cluster/nodes.ts';
import { type GivenCredentials, readGivenAuthority } from '../../credentials.ts';
import type { Endpoint } from '../../https-client.ts';
import type { ClusterAccess } from '../../kubeconfig.ts';
import { kubeletEndpoint } from '../../kubelet-route.ts';
import { ServerTrust } from '../../server-trust.ts';
import type { Finding } from '../finding.ts';
import { askGates, type KubeletWays } from './gate.ts';
import { gateFindings } from './gate-findings.ts';
import { findingsOf } from './node-verdict.ts';
import { apiServerClientFinding, askOwnRights, type OwnRights, ownRightFindings } from './rights.ts';
import { judgeKubelet, judgeRuntime } from './versions.ts';

export interface ClusterExamination extends Pick<GivenCredentials, 'cacert'> {
  /** Kubelets are believed without being verified. */
  readonly insecureSkipTlsVerify?: boolean | undefined;
  /** How many kubelets of how many have been asked. */
  readonly onProgress?: (done: number, all: number) => void;
}

/** All checks. Rejects when the API server cannot be reached or does not know the user. */
export async function examineCluster(
  { api, credentials }: ClusterAccess,
  options: ClusterExamination = {},
): Promise<readonly Finding[]> {
  const own = await askOwnRights(api);
  const { nodes, finding } = await lookAtNodes(api);
  const linux = nodes.filter(({ system }) => system === 'linux');
  const named = await readGivenAuthority(options);
  const trust = new ServerTrust({ insecureSkipTlsVerify: options.insecureSkipTlsVerify });
  const ways = waysOf(api, own, (node) =>
    kubeletOf(node, { ...credentials, ca: named ?? credentials.ca }, trust),
  );
  const gates = await askGates(linux, ways, (done) => options.onProgress?.(done, linux.length));
  return [
    finding,
    ...findingsOf({ id: 'kubelet-version', title: 'Kubelet' }, judged(nodes, judgeKubelet)),
    ...findingsOf({ id: 'runtime', title: 'Container runtime' }, judged(nodes, judgeRuntime)),
    ...gateFindings(gates),
    ...ownRightFindings(own),
    await apiServerClientFinding(api, gates, own),
  ];
}

interface Nodes {
  readonly nodes: readonly ClusterNode[];
  readonly finding: Finding;
}

async function lookAtNodes(api: Endpoint): Promise<Nodes> {
  const about = { id: 'nodes', title: 'Nodes' };
  try {
    const nodes = await listNodes(api);
    const evidence = `${nodes.length} known to the API server ${api.url.origin}`;
    return { nodes, finding: { ...about, status: 'ok', evidence, cure: [] } };
  } catch (error) {
    if (!(error instanceof ExhibitError) || error.code !== 'API_FORBIDDEN') throw error;
    const evidence = `${error.message} So nothing is known of their versions and kubelets`;
    return { nodes: [], finding: { ...about, status: 'unknown', evidence, cure: error.help } };
  }
}

/** A right that the API server would not tell of is tried: the kubelet refuses by itself. */
function waysOf(
  api: Endpoint,
  own: OwnRights,
  kubelet: (node: ClusterNode) => Endpoint | undefined,
): KubeletWays {
  return {
    proxy: own.proxy.answer === 'no' ? undefined : api,
    kubelet: own.checkpoint.answer === 'no' ? undefined : kubelet,
  };
}

function kubeletOf(
  { kubelet, names }: ClusterNode,
  credentials: ClusterAccess['credentials'],
  trust: ServerTrust,
): Endpoint | undefined {
  if (kubelet === undefined) return undefined;
  return {
    ...kubeletEndpoint(credentials, { address: kubelet, names }, trust),
    trustHelp: [
      "--cacert FILE: the CA that signed the kubelets' certificates",
      '--insecure-skip-tls-verify: go on without knowing who answers',
    ],
  };
}

const judged = <Judgement extends object>(
  nodes: readonly ClusterNode[],
  judge: (node: ClusterNode) => Judgement,
): readonly ({ readonly node: string } & Judgement)[] =>
  nodes.map((node) => ({ node: node.name, ...judge(node) }));
