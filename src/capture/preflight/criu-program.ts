import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import type { Check } from './container-look.ts';

/** Whether the runtime will find CRIU: runc and crun start `criu` from the PATH that they were given. */
export const checkCriuProgram: Check = async ({ node: { root, monitor, searchPath } }) => {
  if (monitor === undefined || searchPath.length === 0) return [];
  for (const folder of searchPath) {
    const isThere = await access(path.join(root, folder, 'criu'), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return [];
  }
  return [
    {
      id: 'criu',
      certainty: 'refusal',
      what: 'the node has no CRIU, or the runtime does not find it',
      evidence: [`the runtime, ${monitor}, looks in ${searchPath.join(':')}`],
      cure: ['install it on the node: apt-get install criu, dnf install criu, zypper install criu'],
    },
  ];
};
