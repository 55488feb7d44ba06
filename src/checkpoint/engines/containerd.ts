/**
 * containerd 2.x: names are annotations of the OCI spec under `io.kubernetes.cri.` (pkg/cri/annotations). Where spec.dump
 * is lost, status.dump has them too: no other engine writes that file.
 */
import { commonContainer, type EngineDocuments, type Identity, nonEmpty, podOf } from './engine-documents.ts';

export const isContainerd = ({ spec, status }: EngineDocuments): boolean =>
  spec.get('annotations', 'io.kubernetes.cri.container-name').text !== undefined ||
  status.get('metadata', 'name').text !== undefined;

export function identifyContainerd(documents: EngineDocuments): Identity {
  const container = commonContainer(documents);
  const annotation = (name: string) => nonEmpty(container.annotations[`io.kubernetes.cri.${name}`]);
  const label = (name: string) => documents.status.get('labels', `io.kubernetes.${name}`).text;
  return {
    container: {
      ...container,
      // config.dump has CRI's internal name, which joins container, pod, namespace and UID.
      name: annotation('container-name') ?? label('container.name') ?? container.name,
      hostname: container.hostname ?? hostnameOf(container.environment),
    },
    pod: podOf(
      annotation('sandbox-name') ?? label('pod.name'),
      annotation('sandbox-namespace') ?? label('pod.namespace'),
      annotation('sandbox-uid') ?? label('pod.uid'),
    ),
  };
}

/** containerd sets the hostname in the sandbox, and tells the container by its environment only. */
function hostnameOf(environment: readonly string[]): string | undefined {
  return nonEmpty(environment.find((each) => each.startsWith('HOSTNAME='))?.slice('HOSTNAME='.length));
}
