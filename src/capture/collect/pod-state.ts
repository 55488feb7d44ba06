/** How far a helper pod has come, from its object. Source of the reasons: kubernetes pkg/kubelet/images/types.go. */

import { type Json, quote, record, records, text } from '../cluster/api-client.ts';
import { summarizePod } from '../pod.ts';

export type PodState =
  | { readonly kind: 'running' }
  | { readonly kind: 'starting'; readonly detail: string }
  /** It will not run. */
  | { readonly kind: 'failed'; readonly reason: string; readonly detail: string };

/** A waiting container with one of these stays so until somebody changes something. */
const HOPELESS: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ErrInvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

export function readPodState(pod: Json): PodState {
  const { phase, containers } = summarizePod(pod);
  const status = record(pod.status);
  if (phase === 'Failed' || phase === 'Succeeded') {
    return {
      kind: 'failed',
      reason: text(status.reason) ?? phase,
      detail: quote(text(status.message) ?? 'it has ended'),
    };
  }
  if (record(pod.metadata).deletionTimestamp !== undefined) {
    return { kind: 'failed', reason: 'Deleted', detail: 'somebody removed it' };
  }
  const [container] = containers;
  if (phase === 'Running' && container?.state === 'running') return { kind: 'running' };
  const reason = container?.reason ?? phase;
  const [first] = records(status.containerStatuses);
  const message = text(record(record(first?.state).waiting).message);
  if (HOPELESS.has(reason)) return { kind: 'failed', reason, detail: quote(message ?? reason) };
  return { kind: 'starting', detail: quote(reason) };
}
