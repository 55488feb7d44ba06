/**
 * What the API server's authorizers say of a user: SelfSubjectAccessReview, which every authenticated user may ask for
 * (system:basic-user), and SubjectAccessReview, which needs a grant. Nothing is done by asking.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
 */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Endpoint } from '../https-client.ts';
import { callApi, record, text } from './api-client.ts';

export interface Right {
  /** Undefined: on a cluster-scoped resource, or on one in every namespace. */
  readonly namespace?: string | undefined;
  readonly verb: string;
  /** `nodes/checkpoint`, `pods`. */
  readonly resource: string;
}

/** `unknown` when the API server would not say, with its reason. */
export type Verdict =
  | { readonly answer: 'yes' }
  | { readonly answer: 'no' }
  | { readonly answer: 'unknown'; readonly error: ExhibitError };

const AUTHORIZATION = '/apis/authorization.k8s.io/v1';
const WHO_AM_I = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

/** Whether the user of `api` has a right. */
export function reviewOwn(api: Endpoint, right: Right): Promise<Verdict> {
  return review(api, 'SelfSubjectAccessReview', { resourceAttributes: attributes(right) });
}

/** Whether a user of that name, in no group, has a right. */
export function reviewUser(api: Endpoint, user: string, right: Right): Promise<Verdict> {
  return review(api, 'SubjectAccessReview', { user, resourceAttributes: attributes(right) });
}

async function review(api: Endpoint, kind: string, spec: object): Promise<Verdict> {
  const request = { apiVersion: 'authorization.k8s.io/v1', kind, spec };
  const path = `${AUTHORIZATION}/${kind.toLowerCase()}s`;
  const what = 'ask for access reviews';
  try {
    const answer = await callApi(api, { method: 'POST', path, body: request, what });
    return { answer: record(answer?.status).allowed === true ? 'yes' : 'no' };
  } catch (error) {
    if (!(error instanceof ExhibitError) || error.code === 'API_UNAUTHORIZED') throw error;
    return { answer: 'unknown', error };
  }
}

function attributes({ namespace, verb, resource }: Right) {
  const [name = '', subresource] = resource.split('/');
  return { namespace, verb, resource: name, subresource };
}

/** The name under which the API server knows the user of `api`; undefined where it does not tell (before 1.28). */
export async function ownName(api: Endpoint): Promise<string | undefined> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const what = 'ask who this user is';
  try {
    const answer = await callApi(api, { method: 'POST', path: WHO_AM_I, body, what });
    return text(record(record(answer?.status).userInfo).username);
  } catch (error) {
    if (error instanceof ExhibitError && error.code === 'API_FORBIDDEN') return undefined;
    throw error;
  }
}
