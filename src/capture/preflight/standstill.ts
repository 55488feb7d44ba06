import { thawCommands } from '../run-check.ts';
import type { Check } from './container-look.ts';

/** The runtime refuses to pause what is paused already. */
export const checkStandstill: Check = ({ id, freezer }) => {
  if (freezer !== 'frozen') return [];
  return [
    {
      id: 'frozen',
      certainty: 'refusal',
      what: 'the container stands still already: another checkpoint of it is being taken, or one that was given up left it so',
      evidence: ['its cgroup is frozen'],
      cure: ['wait for the former; after the latter, --thaw thaws it', ...thawCommands(id)],
    },
  ];
};
