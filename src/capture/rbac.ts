/**
 * The grants that a capture needs, as commands to paste. Nodes are cluster-scoped: a ClusterRole and a
 * ClusterRoleBinding, whatever the namespace of the pod.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authz/
 */

/** What a kubelet's or an API server's refusal names. */
export interface Denial {
  /** `investigator`, `system:serviceaccount:NS:NAME`, `system:node:NAME`. */
  readonly user: string;
  /** `create`, `get`, `list`. */
  readonly verb: string;
  /** `nodes/checkpoint`, `nodes/proxy`, `pods`. */
  readonly resource: string;
}

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const NODE_USER = /^system:node:/;

/** kubectl commands that lift the denial, for a cluster administrator to paste. */
export function grantCommands({ user, verb, resource }: Denial): readonly string[] {
  // With the verb: a role of that name that allows something else would be left as it is.
  const name = `exhibit-${verb}-${resource.replace('/', '-')}`;
  return [
    `kubectl create clusterrole ${name} --verb=${verb} --resource=${resource}`,
    `kubectl create clusterrolebinding ${name}-${suffix(user)} --clusterrole=${name} ${subject(user)}`,
  ];
}

/** The option of `kubectl create …binding` that names the user. */
export function subject(user: string): string {
  const [, namespace, name] = SERVICE_ACCOUNT.exec(user) ?? [];
  if (namespace !== undefined) return `--serviceaccount=${namespace}:${name}`;
  // A node's own certificate: the group reaches every node, which is what a capture on any of them needs.
  return NODE_USER.test(user) ? '--group=system:nodes' : `--user=${quoted(user)}`;
}

/** Names of objects are RFC 1123 subdomains, names of users are anything. */
function suffix(user: string): string {
  const plain = user.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return plain.replace(/^-|-$/g, '').slice(0, 100) || 'user';
}

/** A user's name comes from a certificate or a token: it must not become part of a shell command. */
function quoted(text: string): string {
  return /^[\w.@:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
