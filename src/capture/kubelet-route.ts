/** The direct way: POST to the node's kubelet, port 10250. */
import { hostname, networkInterfaces } from 'node:os';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type KubeletCredentials, nodeNameOf } from './credentials.ts';
import { type Endpoint, send } from './https-client.ts';
import { archivePath, explainKubeletAnswer } from './kubelet-answer.ts';
import { type CaptureRoute, checkpointPath, isAllowed, MAX_ANSWER_BYTES, NOBODY, PROBE } from './route.ts';
import type { ServerTrust } from './server-trust.ts';
import type { ContainerTarget } from './target.ts';

const DEFAULT_PORT = 10250;
const THIS_NODE = '127.0.0.1';

export interface KubeletAddress {
  /** `HOST`, `HOST:PORT`, `[IPv6]`, `[IPv6]:PORT`; undefined: this node. */
  readonly address: string | undefined;
  /** Further names that the kubelet's certificate may be for. */
  readonly names?: readonly (string | undefined)[];
}

/** The kubelet as an endpoint. Throws `BAD_TARGET` for a bad address. */
export function kubeletEndpoint(
  credentials: KubeletCredentials,
  { address = THIS_NODE, names = [] }: KubeletAddress,
  trust: ServerTrust,
): Endpoint {
  const url = kubeletUrl(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const here = ownNames().includes(host) ? [...ownNames(), nodeNameOf(credentials)] : [];
  const { cert, key, ca, token } = credentials;
  return {
    url,
    options: {
      ...(cert === undefined ? {} : { cert, key }),
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
    },
    trust,
    names: [...new Set([...names, ...here])].filter((name) => name !== undefined),
    trustHelp: [
      '--cacert FILE: the CA that signed it (a kubelet that signs for itself has it in /var/lib/kubelet/pki/kubelet.crt)',
      '--fingerprint SHA256: the one above, if it is the one that the node itself has for this file',
      '--insecure-skip-tls-verify: go on without knowing who answers',
    ],
  };
}

export interface KubeletOptions {
  readonly target: ContainerTarget;
  readonly reason: string;
  readonly timeoutSeconds: number;
}

export function kubeletRoute(
  endpoint: Endpoint,
  { target, reason, timeoutSeconds }: KubeletOptions,
): CaptureRoute {
  return {
    name: 'kubelet',
    reason,
    endpoint: endpoint.url.origin,
    get trust() {
      return endpoint.trust?.summary ?? '';
    },
    take: async () => {
      const path = checkpointPath(target, timeoutSeconds);
      const answer = await send(endpoint, { method: 'POST', path, answerLimit: MAX_ANSWER_BYTES });
      if (answer.status !== 200) throw explainKubeletAnswer(answer, target);
      return archivePath(answer.body);
    },
    probe: async () => {
      const path = checkpointPath(NOBODY, timeoutSeconds);
      const answer = await send(endpoint, { ...PROBE, path });
      if (!isAllowed(answer)) throw explainKubeletAnswer(answer, target);
    },
  };
}

function kubeletUrl(address: string): URL {
  // A bare IPv6 address has several colons and no brackets.
  const bracketed = /^[^[]*:[^[]*:/.test(address) ? `[${address}]` : address;
  const text = `https://${bracketed}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    url.pathname !== '/' ||
    url.username !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new ExhibitError('BAD_TARGET', `"${address}" is no address of a node: write HOST or HOST:PORT`);
  }
  // 443 is what URL takes for unsaid.
  if (url.port === '' && !address.endsWith(':443')) url.port = String(DEFAULT_PORT);
  return url;
}

/** What this machine is called; its kubelet's certificate is for some of these. */
function ownNames(): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => address),
  );
  const name = hostname();
  return [name, name.toLowerCase(), 'localhost', THIS_NODE, '::1', ...addresses];
}
