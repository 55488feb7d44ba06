/**
 * Names of archives on a node, and what they are called on the responder's machine. The kubelet's pattern
 * (pkg/kubelet/kubelet.go, CheckpointContainer): checkpoint-POD_NAMESPACE-CONTAINER-TIME.tar, with the time in RFC 3339.
 */
import { ExhibitError } from '../../bytes/exhibit-error.ts';

/** What a file system takes as one name, less the suffix of a half-arrived file. */
const MAX_NAME_LENGTH = 255 - '.part'.length;

/** All that names of Kubernetes objects and RFC 3339 times can hold: no separator, escape or leading dot or dash. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._+:-]*$/;

/**
 * The name under which an archive of a node is kept here: without `:`, which Windows, SMB and exFAT refuse and tar and
 * scp take for a host. Names come from a node that may be hostile: any that is no plain file name is `UNSAFE_PATH`.
 */
export function localName(nameOnNode: string): string {
  if (nameOnNode.length > MAX_NAME_LENGTH || !SAFE_NAME.test(nameOnNode)) {
    const message = 'the node tells a file name that is none of a checkpoint archive: it is not taken over';
    throw new ExhibitError('UNSAFE_PATH', message, { source: nameOnNode.slice(0, MAX_NAME_LENGTH) });
  }
  return nameOnNode.replaceAll(':', '-');
}
