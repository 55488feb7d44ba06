import path from 'node:path';
import type { Check } from './container-look.ts';
import { firstProcess } from './node-look.ts';
import { describeProcess } from './process-look.ts';

/**
 * CRIU interrupts nanosleep with EINTR, on which busybox's `sleep` exits: a container whose first process it is ends by
 * being captured, whether the capture succeeds or not (measured).
 */
export const checkFirstProcess: Check = ({ processes }) => {
  const first = firstProcess(processes);
  const isSleep = path.basename(first?.command[0] ?? '') === 'sleep' || first?.command[1] === 'sleep';
  if (first === undefined || !isSleep || !/\/busybox( \(deleted\))?$/.test(first.executable ?? '')) return [];
  return [
    {
      id: 'sleep',
      certainty: 'likely',
      what: "the container's first process is busybox's sleep, which ends by being captured, and the container with it",
      evidence: [describeProcess(first)],
      cure: ['none: what runs beside it in the container is captured and then ends'],
    },
  ];
};
