import { type Check, describeHolder, heldDescriptors } from './container-look.ts';
import { clipEvidence } from './obstacle.ts';

/** CRIU cannot dump an io_uring (measured with CRIU 4.2.1: a dump that meets one fails whatever the options). */
export const checkIoUring: Check = (look) => {
  const rings = heldDescriptors(look).filter(({ descriptor }) => descriptor.link === 'anon_inode:[io_uring]');
  if (rings.length === 0) return [];
  return [
    {
      id: 'io-uring',
      certainty: 'refusal',
      what: 'a process holds an io_uring, which CRIU cannot dump (Node.js holds one where seccomp allows it)',
      evidence: clipEvidence(rings.map(describeHolder)),
      cure: [
        'none while it runs; "seccompProfile: {type: RuntimeDefault}" keeps later pods from using io_uring',
      ],
    },
  ];
};
