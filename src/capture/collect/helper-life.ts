/** A helper pod from its making to its removal, by the API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { callApi, type Json, quote, record, records, text } from '../cluster/api-client.ts';
import type { Endpoint } from '../https-client.ts';
import { summarizePod } from '../pod.ts';
import { namespacedGrantCommands } from './grants.ts';
import { HELPER_SELECTOR, type HelperPod, OWNER_ANNOTATION } from './helper-pod.ts';
import { isLeft } from './owner.ts';
import { readPodState } from './pod-state.ts';

/** A pod that does not run after this long, its image pulled, does not come. */
const START_SECONDS = 120;
const POLL_MILLISECONDS = 300;
/** Looks at its events, which say why a volume cannot be mounted, after every so many polls. */
const POLLS_PER_EVENTS = 5;

/** What is told of a helper pod that does not come: it depends on what it is for. */
export interface HelperWords {
  /** `mounts one folder of the node`: what the stricter Pod Security levels forbid. */
  readonly asks: string;
  /** What its image has to have, and the option that names another. */
  readonly imageHelp: readonly string[];
  /** The folder of the node that it mounts, without which it does not start. */
  readonly folder?: string | undefined;
}

const helperGrants = (namespace: string) => (user: string) => namespacedGrantCommands(user, namespace);

const podsPath = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

/** Has the API server do all but store the pod. Throws `HELPER_POD_REFUSED`, `API_FORBIDDEN`. */
export async function tryPod(api: Endpoint, pod: HelperPod, words: HelperWords): Promise<void> {
  try {
    await postPod(api, pod, '?dryRun=All');
  } catch (error) {
    if (!isAdmissionRefusal(error)) throw error;
    throw await explainPodRefusal(api, error, pod.metadata.namespace, words);
  }
}

/** Makes the pod. */
export async function createPod(api: Endpoint, pod: HelperPod): Promise<void> {
  await postPod(api, pod, '');
}

async function postPod(api: Endpoint, pod: HelperPod, query: string): Promise<void> {
  const { namespace } = pod.metadata;
  const what = `make a helper pod in namespace ${namespace}`;
  const path = podsPath(namespace) + query;
  const made = await callApi(api, { method: 'POST', path, body: pod, what, grants: helperGrants(namespace) });
  if (made !== undefined) return;
  throw new ExhibitError('HELPER_POD_REFUSED', `there is no namespace ${namespace} for the helper pod`, {
    help: [`kubectl create namespace ${namespace}`, 'or name another: --helper-namespace NAMESPACE'],
  });
}

/** Admission refuses with 403 as well, and names no missing grant. */
const isAdmissionRefusal = (error: unknown): error is ExhibitError =>
  error instanceof ExhibitError && error.code === 'API_FORBIDDEN' && error.help.length === 0;

async function explainPodRefusal(
  api: Endpoint,
  error: ExhibitError,
  namespace: string,
  { asks }: HelperWords,
): Promise<ExhibitError> {
  const help = /violates PodSecurity/.test(error.message)
    ? [
        `The helper pod ${asks}, which the Pod Security levels baseline and restricted`,
        'forbid. Name a namespace that allows it with --helper-namespace NAMESPACE, for example one made for it:',
        'kubectl create namespace exhibit',
        `kubectl label namespace exhibit ${ENFORCE_LABEL}=privileged`,
        ...(await allowingNamespaces(api)),
      ]
    : ['Name a namespace in which it is allowed: --helper-namespace NAMESPACE'];
  const message = `namespace ${namespace} does not take the helper pod: ${error.message}`;
  return new ExhibitError('HELPER_POD_REFUSED', message, { help, cause: error });
}

const ENFORCE_LABEL = 'pod-security.kubernetes.io/enforce';
/** Enough to choose from. */
const MAX_NAMESPACES = 10;

/** Those that allow everything by their label, if there are any and this user may list namespaces. */
async function allowingNamespaces(api: Endpoint): Promise<readonly string[]> {
  const query = new URLSearchParams({
    labelSelector: `${ENFORCE_LABEL}=privileged`,
    limit: `${MAX_NAMESPACES}`,
  });
  const request = { method: 'GET', path: `/api/v1/namespaces?${query}`, what: 'list namespaces' } as const;
  const found = await callApi(api, request).catch(() => undefined);
  const names = records(found?.items).flatMap(({ metadata }) => text(record(metadata).name) ?? []);
  return names.length === 0 ? [] : [`Namespaces that allow it: ${names.join(', ')}`];
}

/** Waits until the pod runs. Throws `HELPER_POD_FAILED` with the cure, and the signal's reason. */
export async function waitRunning(
  api: Endpoint,
  pod: HelperPod,
  words: HelperWords,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + START_SECONDS * 1000;
  let detail = '';
  for (let poll = 1; Date.now() < deadline; poll++) {
    signal.throwIfAborted();
    const state = await podState(api, pod);
    if (state.kind === 'running') return;
    if (state.kind === 'failed') throw podFailed(pod, words, state);
    detail = state.detail;
    if (poll % POLLS_PER_EVENTS === 0) await checkEvents(api, pod, words);
    await sleep(POLL_MILLISECONDS);
  }
  const { nodeName } = pod.spec;
  const message = `the helper pod on node ${nodeName} does not run after ${START_SECONDS} s (${detail})`;
  throw new ExhibitError('HELPER_POD_FAILED', message, {
    help: [`is the node up, and does its kubelet take pods? kubectl get node ${nodeName}`],
  });
}

/** `failed` for a pod that is gone. */
export async function podState(api: Endpoint, { metadata: { namespace, name } }: HelperPod) {
  const path = `${podsPath(namespace)}/${name}`;
  const found = await callApi(api, {
    method: 'GET',
    path,
    what: 'look at the helper pod',
    grants: helperGrants(namespace),
  });
  if (found === undefined) return { kind: 'failed', reason: 'Gone', detail: 'somebody removed it' } as const;
  return readPodState(found);
}

/** Events say what the pod's status does not; a user who may not read them waits for the deadline. */
async function checkEvents(api: Endpoint, pod: HelperPod, words: HelperWords): Promise<void> {
  const { namespace, name } = pod.metadata;
  const query = new URLSearchParams({ fieldSelector: `involvedObject.name=${name}`, limit: '50' });
  const path = `/api/v1/namespaces/${namespace}/events?${query}`;
  const found = await callApi(api, { method: 'GET', path, what: 'read events' }).catch(() => undefined);
  const failed = records(found?.items).find(({ reason }) => reason === 'FailedMount');
  if (failed === undefined) return;
  throw podFailed(pod, words, { reason: 'FailedMount', detail: quote(text(failed.message) ?? '') });
}

interface PodFailure {
  readonly reason: string;
  readonly detail: string;
}

function podFailed({ spec }: HelperPod, words: HelperWords, { reason, detail }: PodFailure): ExhibitError {
  const { nodeName, containers } = spec;
  const { image, imagePullPolicy } = containers[0];
  const isMissing = reason === 'FailedMount' && /hostPath type check failed/.test(detail);
  if (isMissing && words.folder !== undefined) {
    const message = `node ${nodeName} has no folder ${words.folder}: nothing was captured there`;
    const help = ['A kubelet with another root directory: --checkpoints-dir DIR'];
    return new ExhibitError('ARCHIVE_NOT_FOUND', message, { help });
  }
  const isImage = /image/i.test(reason) || reason === 'RegistryUnavailable';
  const help = isImage
    ? [
        `The node cannot get the image ${image} (pull policy ${imagePullPolicy}).`,
        ...words.imageHelp,
        `Images that the node has: kubectl get node ${nodeName} -o jsonpath='{.status.images[*].names}'`,
      ]
    : [];
  const message = `the helper pod on node ${nodeName} does not run: ${reason}: ${detail}`;
  return new ExhibitError('HELPER_POD_FAILED', message, { help });
}

/** Removes a pod at once; one that is gone already is no error. */
export async function deletePod(api: Endpoint, namespace: string, name: string): Promise<void> {
  const path = `${podsPath(namespace)}/${encodeURIComponent(name)}`;
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 };
  await callApi(api, {
    method: 'DELETE',
    path,
    body,
    what: `remove the helper pod ${name}`,
    grants: helperGrants(namespace),
  });
}

/** Removes helper pods that have ended, and those whose run was one of this machine and is over. Their names. */
export async function removeLeftPods(api: Endpoint, namespace: string): Promise<readonly string[]> {
  const query = new URLSearchParams({ labelSelector: HELPER_SELECTOR });
  const path = `${podsPath(namespace)}?${query}`;
  const found = await callApi(api, {
    method: 'GET',
    path,
    what: 'look for left helper pods',
    grants: helperGrants(namespace),
  });
  const removed: string[] = [];
  for (const pod of records(found?.items)) {
    const name = text(record(pod.metadata).name);
    if (name === undefined || !(await isLeftPod(pod))) continue;
    await deletePod(api, namespace, name);
    removed.push(name);
  }
  return removed;
}

const ENDED: ReadonlySet<string> = new Set(['Succeeded', 'Failed']);

async function isLeftPod(pod: Json): Promise<boolean> {
  const owner = text(record(record(pod.metadata).annotations)[OWNER_ANNOTATION]) ?? '';
  return ENDED.has(summarizePod(pod).phase) || (await isLeft(owner));
}
