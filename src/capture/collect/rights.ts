/** Asks the API server, before a pod is made, whether this user may do all that follows: a pod must not be left. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Endpoint } from '../https-client.ts';
import { callApi, record, text } from './api-client.ts';
import { HELPER_RULES, namespacedGrantCommands } from './grants.ts';

/** Throws `API_FORBIDDEN` with the grants that are missing. What the API server does not say is tried. */
export async function checkRights(api: Endpoint, namespace: string): Promise<void> {
  const wanted = HELPER_RULES.flatMap(({ resource, verbs }) => verbs.map((verb) => ({ resource, verb })));
  const answers = await Promise.all(wanted.map((grant) => isAllowed(api, namespace, grant)));
  const missing = wanted.filter((_, index) => answers[index] === false);
  if (missing.length === 0) return;
  const user = await userName(api);
  const names = missing.map(({ resource, verb }) => `${verb} ${resource}`).join(', ');
  const message = `the user ${user} may not ${names} in namespace ${namespace} (403), which the helper pod needs`;
  throw new ExhibitError('API_FORBIDDEN', message, {
    help: ['A cluster administrator allows it with:', ...namespacedGrantCommands(user, namespace)],
  });
}

/** Undefined where the API server does not say. */
async function isAllowed(
  api: Endpoint,
  namespace: string,
  grant: { readonly resource: string; readonly verb: string },
): Promise<boolean | undefined> {
  const [resource, subresource] = grant.resource.split('/');
  const review = await askReview(api, 'authorization.k8s.io/v1', 'SelfSubjectAccessReview', {
    resourceAttributes: { namespace, verb: grant.verb, resource, subresource },
  });
  const { allowed } = record(review?.status);
  return typeof allowed === 'boolean' ? allowed : undefined;
}

/** Since Kubernetes 1.28; every user may ask it. */
async function userName(api: Endpoint): Promise<string> {
  const review = await askReview(api, 'authentication.k8s.io/v1', 'SelfSubjectReview', undefined);
  return text(record(record(review?.status).userInfo).username) ?? 'USER';
}

function askReview(api: Endpoint, apiVersion: string, kind: string, spec: object | undefined) {
  const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`;
  const body = { apiVersion, kind, spec };
  const request = { method: 'POST', path, body, what: 'ask what this user may' } as const;
  return callApi(api, request).catch((error: unknown) => {
    if (error instanceof ExhibitError && error.code !== 'API_FORBIDDEN' && error.code !== 'API_FAILED')
      throw error;
    return undefined;
  });
}
