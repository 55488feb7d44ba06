/** What a collector has to be allowed, as rules and as commands to paste. */
import { subject } from '../rbac.ts';

export interface GrantRule {
  readonly resource: string;
  readonly verbs: readonly string[];
}

/**
 * In the namespace of the helper pods. `get` and `list` find left ones and see a pod start; a connection to `exec` is asked
 * for by GET, for which servers before 1.35 want `get` and later ones `create`
 * (feature gate AuthorizePodWebsocketUpgradeCreatePermission).
 */
export const HELPER_RULES: readonly GrantRule[] = [
  { resource: 'pods', verbs: ['create', 'get', 'list', 'delete'] },
  { resource: 'pods/exec', verbs: ['create', 'get'] },
];

/**
 * In the whole cluster, for `--all` and `list --nodes`, which ask for the nodes; a pod by name is looked up in its own
 * namespace, which needs `get` on pods there.
 */
export const CLUSTER_RULES: readonly GrantRule[] = [{ resource: 'nodes', verbs: ['list'] }];

/** kubectl commands that allow helper pods in one namespace, and in no other. */
export function namespacedGrantCommands(user: string, namespace: string): readonly string[] {
  return HELPER_RULES.flatMap(({ resource, verbs }) => {
    const name = `exhibit-collect-${resource.replace('/', '-')}`;
    return [
      `kubectl create role ${name} -n ${namespace} --verb=${verbs.join(',')} --resource=${resource}`,
      `kubectl create rolebinding ${name} -n ${namespace} --role=${name} ${subject(user)}`,
    ];
  });
}

/** `pods: create, get; pods/exec: create`. */
export function formatRules(rules: readonly GrantRule[]): string {
  return rules.map(({ resource, verbs }) => `${resource}: ${verbs.join(', ')}`).join('; ');
}
