/**
 * The kubelet's answers to POST /checkpoint/{namespace}/{pod}/{container}, as cause and cure.
 * Sources: kubernetes/kubernetes pkg/kubelet/server/{server,auth}.go (statuses, texts), containerd
 * internal/cri/server/container_checkpoint_linux.go and CRI-O server/container_checkpoint.go (the text inside a 500).
 */
import { type ErrorCode, ExhibitError } from '../bytes/exhibit-error.ts';
import { grantCommands } from './rbac.ts';
import { type ContainerTarget, formatTarget } from './target.ts';

export interface KubeletAnswer {
  readonly status: number;
  readonly body: string;
}

interface Explanation {
  /** Cause and cure in a sentence or two. */
  readonly message: string;
  readonly help?: readonly string[];
}

interface AnswerRule {
  /** Undefined: any status but 200. */
  readonly status?: number;
  readonly body: RegExp;
  readonly code: ErrorCode;
  readonly explain: (match: RegExpExecArray, target: ContainerTarget) => Explanation;
}

/** What of an answer's text goes into a message: enough for a cause, no wall of text from a hostile node. */
const MAX_QUOTED_LENGTH = 600;

const FORBIDDEN = /Forbidden \(user=(.*), verb=(\w+), resource=(\w+), subresource(?:\(s\))?=\[?([\w ]+)\]?\)/;

/** The API server's own client to the kubelets, as kubeadm names it. */
const API_SERVER_CLIENT = /^kube-apiserver/;

/** In this order: the first that fits tells. */
const RULES: readonly AnswerRule[] = [
  {
    status: 401,
    body: /(?:)/,
    code: 'KUBELET_UNAUTHORIZED',
    explain: () => ({
      message:
        'the kubelet does not know these credentials (401). A client certificate has to be signed by the CA of ' +
        "the kubelet's clientCAFile and be in date; a token has to be a valid one of this cluster.",
    }),
  },
  { status: 403, body: FORBIDDEN, code: 'KUBELET_FORBIDDEN', explain: explainDenial },
  {
    status: 403,
    body: /(?:)/,
    code: 'KUBELET_FORBIDDEN',
    explain: (match) => ({
      message: `the kubelet refuses (403): ${quote(match.input)}. The user needs nodes/checkpoint: create.`,
    }),
  },
  {
    status: 404,
    body: /pod does not exist/,
    code: 'POD_NOT_FOUND',
    explain: (_match, { namespace, pod }) => ({
      message: `there is no pod ${pod} in namespace ${namespace} on this node. "exhibit pods -A" lists the pods.`,
    }),
  },
  {
    status: 404,
    body: /container \S+ does not exist/,
    code: 'CONTAINER_NOT_FOUND',
    explain: (_match, { namespace, pod, container }) => ({
      message: `pod ${namespace}/${pod} has no container ${container}. "exhibit pods -n ${namespace}" lists them.`,
    }),
  },
  {
    status: 404,
    body: /cannot parse value of timeout parameter/,
    code: 'KUBELET_BAD_ANSWER',
    explain: () => ({ message: 'the kubelet cannot read the timeout: give --timeout whole seconds.' }),
  },
  {
    status: 404,
    body: /page not found/i,
    code: 'CHECKPOINT_DISABLED',
    explain: () => ({
      message:
        'this kubelet has no checkpoint API: its feature gate ContainerCheckpoint is off, as it is by default ' +
        'before Kubernetes 1.30 (1.25 is the first to have it), or its debugging handlers are off.',
      help: [
        "in the kubelet's configuration, then restart the kubelet (containers go on running):",
        'featureGates: {ContainerCheckpoint: true}',
        'enableDebuggingHandlers: true',
      ],
    }),
  },
  {
    status: 405,
    body: /disabled/i,
    code: 'CHECKPOINT_DISABLED',
    explain: () => ({
      message: "this kubelet's debugging handlers are off, and the checkpoint API with them.",
      help: ["in the kubelet's configuration, then restart it: enableDebuggingHandlers: true"],
    }),
  },
  {
    status: 500,
    body: /Authorization error/,
    code: 'KUBELET_AUTHORIZATION_FAILED',
    explain: (match) => ({
      message:
        `the kubelet could not ask the API server whether this user may (${quote(match.input)}). ` +
        'Is the API server up and reachable from the node? Try again when it is.',
    }),
  },
  {
    status: 500,
    body: /container \S+ not found/,
    code: 'CONTAINER_NOT_RUNNING',
    explain: (_match, target) => ({
      message: `${formatTarget(target)} is not running: only a running container can be checkpointed.`,
    }),
  },
  {
    status: 500,
    body: /Unimplemented/,
    code: 'CHECKPOINT_UNSUPPORTED',
    explain: () => ({
      message:
        "the node's container runtime cannot checkpoint: containerd can from 2.0 on, CRI-O from 1.25 on.",
    }),
  },
  {
    status: 500,
    body: /checkpoint\/restore support not available|criu support is disabled/i,
    code: 'CRIU_DISABLED',
    explain: () => ({
      message: 'checkpointing is switched off in the runtime of the node (CRI-O).',
      help: [
        'in /etc/crio/crio.conf.d/: [crio.runtime] enable_criu_support = true; then: systemctl restart crio',
      ],
    }),
  },
  {
    status: 500,
    body: /CRIU binary not found or too old|criu binary not found|criu.*executable file not found/i,
    code: 'CRIU_MISSING',
    explain: (match) => ({
      message: `CRIU is missing or too old on the node (${quote(innerText(match.input))}).`,
      help: [
        'install it on the node: apt-get install criu, dnf install criu, zypper install criu (3.16 or newer)',
        'then check that it fits the kernel: criu check',
      ],
    }),
  },
  {
    status: 500,
    // All but the first is what containerd says when two captures of one container meet (measured on 2.1.9).
    body: /already in progress|ctrd-checkpoint\/\S+: no such file|image "containerd\.io\/checkpoint\/\S+: already exists/,
    code: 'CHECKPOINT_IN_PROGRESS',
    explain: (_match, target) => ({
      message: `another checkpoint of ${formatTarget(target)} is being taken. Wait until it is done, then try again.`,
    }),
  },
  {
    status: 500,
    // containerd 2.1.9 (measured): in the middle of another capture, and of a container that one left paused.
    body: /cannot pause a paused container/,
    code: 'CHECKPOINT_IN_PROGRESS',
    explain: (_match, target) => ({
      message:
        `${formatTarget(target)} stands still already: another checkpoint of it is being taken, or one that was given ` +
        'up has left it so. Wait for the former, thaw after the latter.',
    }),
  },
  {
    status: 500,
    body: /deadline ?exceeded|context canceled/i,
    code: 'CHECKPOINT_TIMED_OUT',
    explain: () => ({
      message:
        'the time for the checkpoint was up before it was done, and the runtime may have left the container frozen. ' +
        'Give more with --timeout SECONDS.',
    }),
  },
  {
    status: 500,
    body: /no space left on device/i,
    code: 'CHECKPOINT_FAILED',
    explain: () => ({
      message: "the node's disk is full: a checkpoint needs about three times the container's memory.",
      help: [
        'old archives are never deleted by Kubernetes; they lie in /var/lib/kubelet/checkpoints on the node',
      ],
    }),
  },
  {
    status: 500,
    body: /checkpointing of .* failed/s,
    code: 'CHECKPOINT_FAILED',
    explain: (match) => ({ message: `the runtime could not checkpoint: ${quote(innerText(match.input))}` }),
  },
];

/** The path of the archive on the node out of a 200. Throws `KUBELET_BAD_ANSWER`. */
export function archivePath(body: string): string {
  const path = firstItem(body);
  if (path !== undefined) return path;
  throw new ExhibitError('KUBELET_BAD_ANSWER', `the kubelet's answer names no archive: ${quote(body)}`);
}

function firstItem(body: string): string | undefined {
  try {
    const { items } = JSON.parse(body) as { items?: readonly unknown[] };
    const path = Array.isArray(items) ? items[0] : undefined;
    return typeof path === 'string' && path.startsWith('/') ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Any answer but 200 as an error: cause in its message, cure in its `help`. */
export function explainKubeletAnswer(answer: KubeletAnswer, target: ContainerTarget): ExhibitError {
  const { status, body } = answer;
  const known = explainByRules(answer, target);
  return known ?? new ExhibitError('KUBELET_BAD_ANSWER', `the kubelet answered ${status}: ${quote(body)}`);
}

/** What a runtime says when it is asked without a kubelet: the text that a kubelet would put into its 500. */
export function explainRuntimeRefusal(text: string, target: ContainerTarget): ExhibitError {
  const known = explainByRules({ status: 500, body: text }, target);
  if (known !== undefined) return known;
  return new ExhibitError('CHECKPOINT_FAILED', `the runtime could not checkpoint: ${quote(innerText(text))}`);
}

function explainByRules({ status, body }: KubeletAnswer, target: ContainerTarget): ExhibitError | undefined {
  for (const rule of RULES) {
    if (rule.status !== undefined && rule.status !== status) continue;
    const match = rule.body.exec(body);
    if (match === null) continue;
    const { message, help } = rule.explain(match, target);
    return new ExhibitError(rule.code, message, { help });
  }
  return undefined;
}

function explainDenial(match: RegExpExecArray): Explanation {
  const [, user = '', verb = '', resource = '', subresources = ''] = match;
  // Several subresources: any of them is enough, and the first is the narrowest.
  const denial = { user, verb, resource: `${resource}/${subresources.split(' ')[0]}` };
  const message = API_SERVER_CLIENT.test(user)
    ? `the API server's own client to the kubelets, ${user}, may not ${verb} ${denial.resource} (403): ` +
      'system:kubelet-api-admin lacks it.'
    : `the user ${user} may not ${verb} ${denial.resource} (403).`;
  return {
    message,
    help: [
      ...(API_SERVER_CLIENT.test(user)
        ? ['Go to the kubelet with credentials of your own: --via kubelet. Or:']
        : []),
      'A cluster administrator allows it with:',
      ...grantCommands(denial),
      'The kubelet remembers a denial for about 30 seconds: after the grant, wait that long and try again.',
    ],
  };
}

/** The runtime's own words out of `checkpointing of NS/POD/CONTAINER failed (…)`, without gRPC's envelope. */
function innerText(body: string): string {
  const inner = /checkpointing of \S+ failed \((.*)\)\s*$/s.exec(body)?.[1] ?? body;
  return inner.replace(/^rpc error: code = \w+ desc = /, '');
}

function quote(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  return line.length > MAX_QUOTED_LENGTH ? `${line.slice(0, MAX_QUOTED_LENGTH)}…` : line || '(empty)';
}
