/** Podman: config.dump is libpod's whole container configuration; `io.container.manager` is `libpod`. */
import type { JsonValue } from '../json-document.ts';
import { commonContainer, type EngineDocuments, type Identity } from './engine-documents.ts';

export const isPodman = ({ spec }: EngineDocuments): boolean =>
  spec.get('annotations', 'io.container.manager').text === 'libpod';

export function identifyPodman(documents: EngineDocuments): Identity {
  const { config, network } = documents;
  const container = commonContainer(documents);
  const { ip, mac } = firstAddress(network);
  return {
    container: {
      ...container,
      image:
        config.get('rootfsImageName').text ??
        config.get('RawImageName').text ??
        config.get('rawImageName').text,
      imageId: config.get('rootfsImageID').text,
      ip,
      mac,
    },
    pod: undefined,
  };
}

/** network.status holds networks → interfaces → subnets; it is `null` without a network. */
function firstAddress(network: JsonValue): { readonly ip?: string; readonly mac?: string } {
  for (const [, status] of network.members) {
    for (const [, each] of status.get('interfaces').members) {
      const ip = each.get('subnets').items[0]?.get('ipnet').text;
      const mac = each.get('mac_address').text;
      if (ip !== undefined || mac !== undefined) {
        return { ...(ip !== undefined && { ip: ip.split('/')[0] ?? ip }), ...(mac !== undefined && { mac }) };
      }
    }
  }
  return {};
}
