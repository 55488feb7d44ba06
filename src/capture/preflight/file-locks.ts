import { type Check, describeHolder, heldDescriptors } from './container-look.ts';
import { addLines } from './criu-options.ts';
import { clipEvidence } from './obstacle.ts';

/** `lock:` lines of fdinfo (proc_pid_fdinfo(5)): POSIX, flock and open-file-description locks, and leases. */
export const checkFileLocks: Check = (look) => {
  if (look.options.values.has('file-locks')) return [];
  const holders = heldDescriptors(look).filter(({ descriptor }) =>
    descriptor.info.some((line) => line.startsWith('lock:')),
  );
  if (holders.length === 0) return [];
  return [
    {
      id: 'file-lock',
      certainty: 'refusal',
      what: 'a process holds a file lock, which CRIU dumps only when it is told to',
      evidence: clipEvidence(holders.map((holder) => `${describeHolder(holder)}: ${holder.descriptor.link}`)),
      cure: ['on the node, as root:', addLines(look.options, ['file-locks'])],
    },
  ];
};
