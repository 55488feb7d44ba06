import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { ContainerSummary, PodSummary } from './pod.ts';

/**
 * The container to capture: the named one, else the pod's only one, else the one of kubectl's default-container
 * annotation. Throws `CONTAINER_CHOICE`, `CONTAINER_NOT_FOUND` or `CONTAINER_NOT_RUNNING`, each with the pod's containers.
 */
export function chooseContainer(pod: PodSummary, wanted: string | undefined): ContainerSummary {
  const container = wanted === undefined ? soleContainer(pod) : named(pod, wanted);
  if (container.state === 'running') return container;
  const state = [container.state, container.reason].filter((part) => part !== undefined).join(': ');
  const what = `${pod.namespace}/${pod.pod}/${container.name} is not running (${state})`;
  throw new ExhibitError('CONTAINER_NOT_RUNNING', `${what}: only a running container can be checkpointed`, {
    help: describeContainers(pod),
  });
}

function named(pod: PodSummary, wanted: string): ContainerSummary {
  const found = pod.containers.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new ExhibitError(
    'CONTAINER_NOT_FOUND',
    `pod ${pod.namespace}/${pod.pod} has no container ${wanted}; it has:`,
    {
      help: describeContainers(pod),
    },
  );
}

function soleContainer(pod: PodSummary): ContainerSummary {
  const candidates = pod.containers.filter(
    ({ kind, state }) => kind === 'container' || (kind === undefined && state === 'running'),
  );
  const chosen = candidates.length === 1 ? candidates[0] : byDefault(candidates, pod.default_container);
  if (chosen !== undefined) return chosen;
  const count = `pod ${pod.namespace}/${pod.pod} has ${candidates.length} containers`;
  throw new ExhibitError(
    'CONTAINER_CHOICE',
    `${count}: say which, as ${pod.namespace}/${pod.pod}/CONTAINER`,
    {
      help: describeContainers(pod),
    },
  );
}

function byDefault(candidates: readonly ContainerSummary[], name: string | undefined) {
  return candidates.find((candidate) => candidate.name === name);
}

function describeContainers(pod: PodSummary): readonly string[] {
  return pod.containers.map(({ name, kind, state, image }) => {
    const mark = kind === 'container' || kind === undefined ? '' : `${kind}, `;
    return `${name}  (${mark}${state}, ${image})`;
  });
}
