/** Asks the API server, before a pod is made, whether this user may do all that follows: a pod must not be left. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { ownName, reviewOwn, type Verdict } from '../cluster/access-review.ts';
import type { Endpoint } from '../https-client.ts';
import { HELPER_RULES, namespacedGrantCommands } from './grants.ts';

/** Throws `API_FORBIDDEN` with the grants that are missing. What the API server does not say is tried. */
export async function checkRights(api: Endpoint, namespace: string): Promise<void> {
  const wanted = HELPER_RULES.flatMap(({ resource, verbs }) =>
    verbs.map((verb) => ({ namespace, resource, verb })),
  );
  const verdicts = await Promise.all(wanted.map((right) => reviewOwn(api, right)));
  verdicts.forEach(throwUnlessSilent);
  const missing = wanted.filter((_, index) => verdicts[index]?.answer === 'no');
  if (missing.length === 0) return;
  const user = (await ownName(api)) ?? 'USER';
  const names = missing.map(({ resource, verb }) => `${verb} ${resource}`).join(', ');
  const message = `the user ${user} may not ${names} in namespace ${namespace} (403), which the helper pod needs`;
  throw new ExhibitError('API_FORBIDDEN', message, {
    help: ['A cluster administrator allows it with:', ...namespacedGrantCommands(user, namespace)],
  });
}

/** A server that does not answer such questions may do what is asked of it; one that is not reached does not. */
function throwUnlessSilent(verdict: Verdict): void {
  if (verdict.answer !== 'unknown') return;
  const { code } = verdict.error;
  if (code !== 'API_FORBIDDEN' && code !== 'API_FAILED') throw verdict.error;
}
