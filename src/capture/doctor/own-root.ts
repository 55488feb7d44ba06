/** May cures be applied here? Only by the node's root, who sees the files that the runtime sees. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { findRuntime } from './node-facts.ts';
import { type NodeProbe, thisNode } from './node-probe.ts';

/**
 * Throws `NOT_ROOT` for another user, and in a container that sees the node's processes but has a root filesystem of its
 * own: what is changed there changes nothing for the runtime.
 */
export async function requireOwnRoot(node: NodeProbe = thisNode, uid = process.getuid?.()): Promise<void> {
  if (uid !== 0) {
    throw new ExhibitError('NOT_ROOT', `cures are applied by root only (this is user ${uid}): use sudo`);
  }
  const runtime = await findRuntime(node);
  if (runtime === undefined) return;
  const root = `/proc/${runtime.pid}/root`;
  if (await node.isSame('/', `${root}/`)) return;
  throw new ExhibitError(
    'NOT_ROOT',
    `this program does not see the files of ${runtime.name} (process ${runtime.pid}): it runs in another root filesystem`,
    { help: [`Run it on the node itself, or within the node's root filesystem: chroot ${root} exhibit …`] },
  );
}
