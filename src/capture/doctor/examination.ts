import { checkCriu } from './criu.ts';
import type { Finding } from './finding.ts';
import { type NodeProbe, thisNode } from './node-probe.ts';
import { checkRuncConf } from './runc-conf.ts';
import { checkTar } from './tar.ts';

/** All checks of the node that this runs on. They only look; nothing is changed. */
export function examineNode(node: NodeProbe = thisNode): Promise<readonly Finding[]> {
  return Promise.all([checkCriu, checkTar, checkRuncConf].map((check) => check(node)));
}
