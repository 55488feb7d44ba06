/** CRI-O: names are annotations of the OCI spec under `io.kubernetes.`; `io.container.manager` is `cri-o`. */
import { JsonValue } from '../json-document.ts';
import { commonContainer, type EngineDocuments, type Identity, podOf } from './engine-documents.ts';

export const isCriO = ({ spec }: EngineDocuments): boolean =>
  spec.get('annotations', 'io.container.manager').text === 'cri-o';

export function identifyCriO(documents: EngineDocuments): Identity {
  const container = commonContainer(documents);
  const { annotations } = container;
  const metadata = parsed(annotations['io.kubernetes.cri-o.Metadata']);
  return {
    container: {
      ...container,
      name: metadata.get('name').text ?? annotations['io.kubernetes.container.name'] ?? container.name,
      created: annotations['io.kubernetes.cri-o.Created'] ?? container.created,
      ip: annotations['io.kubernetes.cri-o.IP.0'],
    },
    pod: podOf(
      annotations['io.kubernetes.pod.name'],
      annotations['io.kubernetes.pod.namespace'],
      annotations['io.kubernetes.pod.uid'],
    ),
  };
}

/** JSON within an annotation. */
function parsed(text: string | undefined): JsonValue {
  try {
    return new JsonValue(text === undefined ? undefined : JSON.parse(text));
  } catch {
    return new JsonValue(undefined);
  }
}
