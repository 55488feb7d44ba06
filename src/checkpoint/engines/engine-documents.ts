import type { Container, Pod } from '../checkpoint.ts';
import type { JsonValue } from '../json-document.ts';

/** The JSON files that an engine puts beside CRIU's images; absent ones hold nothing. */
export interface EngineDocuments {
  /** config.dump: the engine's own view of the container. */
  readonly config: JsonValue;
  /** spec.dump: the OCI runtime configuration. */
  readonly spec: JsonValue;
  /** network.status: addresses, Podman only. */
  readonly network: JsonValue;
  /** status.dump: the CRI's ContainerStatus, containerd only. */
  readonly status: JsonValue;
}

/** What an engine's documents tell; each engine's file is one function from the documents to this. */
export interface Identity {
  readonly container: Container;
  readonly pod: Pod | undefined;
}

/** Empty text stands for nothing: CRI-O writes annotations for what it does not know too. */
export const nonEmpty = (text: string | undefined): string | undefined => text || undefined;

/** Go's zero time stands for "not set". */
const ZERO_TIME = '0001-01-01T00:00:00Z';

export const timeOf = (value: JsonValue): string | undefined =>
  value.text === ZERO_TIME ? undefined : value.text;

export function annotationsOf(spec: JsonValue): Readonly<Record<string, string>> {
  const pairs = spec
    .get('annotations')
    .members.flatMap(([key, value]): [string, string][] =>
      value.anyText === undefined ? [] : [[key, value.anyText]],
    );
  return Object.fromEntries(pairs);
}

/** What every engine tells in the same place. */
export function commonContainer({ config, spec }: EngineDocuments): Container {
  return {
    id: config.get('id').text,
    name: config.get('name').text,
    image: config.get('rootfsImageName').text ?? config.get('rootfsImage').text,
    imageId: config.get('rootfsImageRef').text,
    runtime: config.get('runtime').text,
    created: timeOf(config.get('createdTime')),
    checkpointed: timeOf(config.get('checkpointedTime')),
    ip: undefined,
    mac: undefined,
    hostname: spec.get('hostname').text,
    arguments: spec.get('process', 'args').texts,
    environment: spec.get('process', 'env').texts,
    annotations: annotationsOf(spec),
  };
}

/** A pod needs a name and a namespace; a container outside Kubernetes has neither. */
export function podOf(
  name: string | undefined,
  namespace: string | undefined,
  uid: string | undefined,
): Pod | undefined {
  return name && namespace ? { name, namespace, uid: nonEmpty(uid) } : undefined;
}
