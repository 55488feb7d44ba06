/**
 * What a kubelet can do by its version. Sources: the kubelet's feature gates (ContainerCheckpoint: alpha and off in 1.25,
 * beta and on in 1.30), GO-2025-3465 (CVE-2025-0426).
 */
import { isAtLeast, type Version } from './version.ts';

/** The first with the checkpoint API. */
export const FIRST_WITH_API: Version = [1, 25, 0];
/** The first in which it is on by default. */
export const FIRST_WITH_API_ON: Version = [1, 30, 0];

/** Per minor version, the first patch without the hole; older minor versions have it still. */
const HOLE_FIXED: readonly [Version, ...Version[]] = [
  [1, 29, 14],
  [1, 30, 10],
  [1, 31, 6],
  [1, 32, 2],
];

/** Whether its read-only port takes checkpoints from anybody, who can fill the node's disk with them. */
export function hasDiskHole(version: Version): boolean {
  return isAtLeast(version, FIRST_WITH_API) && !isAtLeast(version, fixOf(version));
}

/** The first version without the hole, of the same minor version where there is one. */
export const fixOf = (version: Version): Version =>
  HOLE_FIXED.find(([, minor]) => minor === version[1]) ?? HOLE_FIXED[0];
