/** The API server's refusals (metav1.Status) as cause and cure. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { HttpAnswer } from './https-client.ts';
import { type Denial, grantCommands } from './rbac.ts';

const MAX_QUOTED_LENGTH = 600;

const FORBIDDEN = /User "(.*?)" cannot (\w+) resource "([\w/.-]+)"/;

/**
 * The message of a Status that the API server itself wrote; undefined for anything else, such as what a kubelet
 * answered behind its proxy.
 */
export function statusMessage(body: string): string | undefined {
  try {
    const { kind, message } = JSON.parse(body) as { kind?: unknown; message?: unknown };
    return kind === 'Status' ? String(message ?? '') : undefined;
  } catch {
    return undefined;
  }
}

/** Who lacks which grant, where the API server's answer is a refusal for lack of one. */
export function readDenial({ status, body }: HttpAnswer): Denial | undefined {
  const [, user, verb, resource] = FORBIDDEN.exec(statusMessage(body) ?? '') ?? [];
  if (status !== 403 || user === undefined || verb === undefined || resource === undefined) return undefined;
  return { user, verb, resource };
}

/** Any answer of the API server but 200 as an error. `what` completes "cannot …". */
export function explainApiAnswer({ status, body }: HttpAnswer, what: string): ExhibitError {
  const message = (statusMessage(body) ?? body).trim().slice(0, MAX_QUOTED_LENGTH);
  if (status === 401) {
    const advice = 'the API server does not know these credentials (401): is the kubeconfig current?';
    return new ExhibitError('API_UNAUTHORIZED', `cannot ${what}: ${advice}`);
  }
  const denial = readDenial({ status, body });
  if (denial !== undefined) {
    const { user, verb, resource } = denial;
    const refusal = `cannot ${what}: the user ${user} may not ${verb} ${resource} (403).`;
    return new ExhibitError('API_FORBIDDEN', refusal, {
      help: ['A cluster administrator allows it with:', ...grantCommands(denial)],
    });
  }
  if (status === 403) return new ExhibitError('API_FORBIDDEN', `cannot ${what} (403): ${message}`);
  return new ExhibitError('API_FAILED', `cannot ${what}: the API server answered ${status}: ${message}`);
}
