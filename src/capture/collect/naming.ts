/**
 * Names of archives on a node, and what they are called on the responder's machine. The kubelet's pattern
 * (pkg/kubelet/kubelet.go, CheckpointContainer): checkpoint-POD_NAMESPACE-CONTAINER-TIME.tar, with the time in RFC 3339.
 */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { CaptureTarget } from '../target.ts';

/** What a file system takes as one name, less the suffix of a half-arrived file. */
const MAX_NAME_LENGTH = 255 - '.part'.length;

/** All that names of Kubernetes objects and RFC 3339 times can hold: no separator, escape or leading dot or dash. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._+:-]*$/;

const KUBELET_NAME =
  /^checkpoint-([a-z0-9][a-z0-9.-]*)_([a-z0-9-]+)-(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d))\.tar$/;

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** A namespace and a container that a name can mean. */
export interface NameReading {
  readonly namespace: string;
  readonly container: string;
}

/** What a kubelet's name of an archive tells. */
export interface ArchiveName {
  readonly pod: string;
  /** When the kubelet was asked, by the node's clock; ISO 8601. */
  readonly time: string;
  /** More than one where namespace or container has a `-`: the name does not say where one ends. At least one. */
  readonly readings: readonly NameReading[];
}

/**
 * The name under which an archive of a node is kept here: without `:`, which Windows, SMB and exFAT refuse and tar and
 * scp take for a host. Names come from a node that may be hostile: any that is no plain file name is `UNSAFE_PATH`.
 */
export function localName(nameOnNode: string): string {
  if (!isSafeName(nameOnNode)) {
    const message = 'the node tells a file name that is none of a checkpoint archive: it is not taken over';
    throw new ExhibitError('UNSAFE_PATH', message, { source: nameOnNode.slice(0, MAX_NAME_LENGTH) });
  }
  return nameOnNode.replaceAll(':', '-');
}

export function isSafeName(nameOnNode: string): boolean {
  return nameOnNode.length <= MAX_NAME_LENGTH && SAFE_NAME.test(nameOnNode);
}

/** Names that people give archives. */
const OTHER_ARCHIVE = /\.(tar|tar\.gz|tgz|tar\.zst|tzst)$/i;

/** Whether a file can be an archive, whoever named it. */
export function isArchiveName(name: string): boolean {
  return isSafeName(name) && OTHER_ARCHIVE.test(name);
}

/** Undefined for a name that no kubelet gives. */
export function readArchiveName(name: string): ArchiveName | undefined {
  const [, pod, rest = '', written = ''] = KUBELET_NAME.exec(name) ?? [];
  const time = new Date(written);
  if (pod === undefined || name.length > MAX_NAME_LENGTH || Number.isNaN(time.getTime())) return undefined;
  const readings = waysToSplit(rest);
  return readings.length === 0 ? undefined : { pod, time: time.toISOString(), readings };
}

function waysToSplit(text: string): readonly NameReading[] {
  const parts = text.split('-');
  return parts.slice(1).flatMap((_, index) => {
    const namespace = parts.slice(0, index + 1).join('-');
    const container = parts.slice(index + 1).join('-');
    return LABEL.test(namespace) && LABEL.test(container) ? [{ namespace, container }] : [];
  });
}

/** Whether an archive can be of that pod or container; `containers` are the pod's, where they are known. */
export function canBeOf(
  { pod, readings }: ArchiveName,
  target: CaptureTarget,
  containers?: readonly string[],
): boolean {
  const isMeant = ({ namespace, container }: NameReading): boolean =>
    namespace === target.namespace &&
    (target.container ?? container) === container &&
    (containers?.includes(container) ?? true);
  return pod === target.pod && readings.some(isMeant);
}

/** The readings that pods of the cluster bear out; all of them when none is borne out. */
export function likelyReadings(
  { readings }: ArchiveName,
  isKnown: (reading: NameReading) => boolean,
): readonly NameReading[] {
  const known = readings.filter(isKnown);
  return known.length === 0 ? readings : known;
}
