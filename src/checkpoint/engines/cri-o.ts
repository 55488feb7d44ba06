/** CRI-O: names are annotations of the OCI spec under `io.kubernetes.`; `io.container.manager` is `cri-o`. */
import { ABSENT, parseJson } from '../json-document.ts';
import { commonContainer, type EngineDocuments, type Identity, nonEmpty, podOf } from './engine-documents.ts';

export const isCriO = ({ spec }: EngineDocuments): boolean =>
  spec.get('annotations', 'io.container.manager').text === 'cri-o';

export function identifyCriO(documents: EngineDocuments): Identity {
  const container = commonContainer(documents);
  const annotation = (name: string) => nonEmpty(container.annotations[`io.kubernetes.${name}`]);
  const metadata = annotation('cri-o.Metadata');
  return {
    container: {
      ...container,
      name:
        (metadata === undefined ? ABSENT : parseJson(metadata)).get('name').text ??
        annotation('container.name') ??
        container.name,
      created: annotation('cri-o.Created') ?? container.created,
      ip: annotation('cri-o.IP.0'),
    },
    pod: podOf(annotation('pod.name'), annotation('pod.namespace'), annotation('pod.uid')),
  };
}
