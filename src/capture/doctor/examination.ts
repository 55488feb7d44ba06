import { checkCriu } from './criu.ts';
import { checkCriuOptions } from './criu-options.ts';
import { checkDisk } from './disk.ts';
import type { Finding } from './finding.ts';
import { checkIptables } from './iptables.ts';
import { checkKubelet } from './kubelet.ts';
import { checkLeftovers } from './leftovers.ts';
import { gatherFacts, type NodeFacts } from './node-facts.ts';
import { type NodeProbe, thisNode } from './node-probe.ts';
import { checkOciRuntime } from './oci-runtime.ts';
import { checkRuntime } from './runtime.ts';
import { checkTar } from './tar.ts';

/** In the order in which a checkpoint passes them. */
const CHECKS: readonly ((facts: NodeFacts) => Promise<Finding | readonly Finding[]>)[] = [
  checkKubelet,
  checkRuntime,
  checkOciRuntime,
  checkCriu,
  checkCriuOptions,
  checkIptables,
  checkTar,
  checkDisk,
  checkLeftovers,
];

/** All checks of the node that this runs on. They only look; nothing is changed. */
export async function examineNode(probe: NodeProbe = thisNode): Promise<readonly Finding[]> {
  const facts = await gatherFacts(probe);
  return (await Promise.all(CHECKS.map((check) => check(facts)))).flat();
}
