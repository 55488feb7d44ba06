import { ExhibitError } from '../bytes/exhibit-error.ts';

/** A container by name; without `container`, the pod's only or default one. */
export interface CaptureTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string | undefined;
}

/** A container by its full name, as the kubelet's API wants it. */
export interface ContainerTarget extends CaptureTarget {
  readonly container: string;
}

/** What is captured: a pod's container, or one that belongs to no pod. */
export interface CaptureSubject {
  readonly namespace?: string | undefined;
  readonly pod?: string | undefined;
  readonly container: string;
}

export interface TargetOptions {
  /** `-n`: wins over `defaultNamespace`, must agree with a namespace in the text. */
  readonly namespace?: string | undefined;
  /** `-c`. */
  readonly container?: string | undefined;
  /** The kubeconfig context's namespace. Default: `default`. */
  readonly defaultNamespace?: string | undefined;
}

/** How kubectl's users write the kind in front of a name: `pod/web`. */
const POD_KINDS: ReadonlySet<string> = new Set(['pod', 'pods', 'po']);

/**
 * RFC 1123 names, as Kubernetes validates them (namespaces and containers are labels, pods are subdomains).
 * Checked here because they become parts of a URL's path.
 */
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const MAX_SUBDOMAIN_LENGTH = 253;

/**
 * Reads `NS/POD[/CONTAINER]`, `POD` or `pod/POD` (the latter two in the namespace of `options`).
 * Throws `BAD_TARGET`, which says how to write it.
 */
export function parseTarget(text: string, options: TargetOptions = {}): CaptureTarget {
  const parts = text.split('/');
  const [first = '', second = '', third] = parts;
  if (parts.length > 3) throw badTarget(text, 'it has more than three parts');
  const namesKind = parts.length === 2 && POD_KINDS.has(first);
  if (parts.length === 1 || namesKind) {
    const namespace = options.namespace ?? options.defaultNamespace ?? 'default';
    return checked(text, { namespace, pod: namesKind ? second : first, container: options.container });
  }
  const container = agreed(text, 'container', third, options.container);
  return checked(text, {
    namespace: agreed(text, 'namespace', first, options.namespace) ?? first,
    pod: second,
    container,
  });
}

/** `NS/POD/CONTAINER`, or as much of it as is known. */
export function formatTarget({ namespace, pod, container }: CaptureSubject | CaptureTarget): string {
  return [namespace, pod, container].filter((part) => part !== undefined).join('/');
}

function agreed(text: string, what: string, named: string | undefined, given: string | undefined) {
  if (named !== undefined && given !== undefined && named !== given) {
    throw badTarget(text, `it names the ${what} ${named}, the option names ${given}`);
  }
  return named ?? given;
}

function checked(text: string, target: CaptureTarget): CaptureTarget {
  const { namespace, pod, container } = target;
  if (!LABEL.test(namespace)) throw badTarget(text, `"${namespace}" is no name of a namespace`);
  if (pod.length > MAX_SUBDOMAIN_LENGTH || !SUBDOMAIN.test(pod))
    throw badTarget(text, `"${pod}" is no name of a pod`);
  if (container !== undefined && !LABEL.test(container)) {
    throw badTarget(text, `"${container}" is no name of a container`);
  }
  return target;
}

function badTarget(text: string, why: string): ExhibitError {
  return new ExhibitError('BAD_TARGET', `cannot read "${text}" as NAMESPACE/POD[/CONTAINER]: ${why}`);
}
