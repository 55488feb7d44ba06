/** Objects that allow what a cluster of kubeadm allows, and what tests grant and take back. */

export type Subject =
  | { readonly kind: 'User'; readonly name: string }
  | { readonly kind: 'Group'; readonly name: string }
  | { readonly kind: 'ServiceAccount'; readonly name: string; readonly namespace: string };

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const RBAC = 'rbac.authorization.k8s.io';

/** The least that a capture needs of the kubelet. */
export const CHECKPOINT: Rule = { apiGroups: [''], resources: ['nodes/checkpoint'], verbs: ['create'] };
/** What the way through the API server needs besides. */
export const NODE_PROXY: Rule = { apiGroups: [''], resources: ['nodes/proxy'], verbs: ['create', 'get'] };
export const READ_PODS: Rule = { apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get', 'list'] };

export function clusterRole(name: string, rules: readonly Rule[]) {
  return { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules };
}

export function clusterRoleBinding(name: string, role: string, subject: Subject) {
  const apiGroup = subject.kind === 'ServiceAccount' ? {} : { apiGroup: RBAC };
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
    subjects: [{ ...subject, ...apiGroup }],
  };
}

/** What a ClusterRole allows, in one namespace. */
export function roleBinding(name: string, role: string, subject: Subject, namespace: string) {
  return {
    ...clusterRoleBinding(name, role, subject),
    kind: 'RoleBinding',
    metadata: { name, namespace },
  };
}

/** A hardened kubeadm cluster's: the API server may reach kubelets, but not checkpoint through them. */
export const API_SERVER: Subject = { kind: 'User', name: 'kube-apiserver-kubelet-client' };
export const API_SERVER_BINDING = clusterRoleBinding(
  'kubelet-api-admin',
  'system:kubelet-api-admin',
  API_SERVER,
);
