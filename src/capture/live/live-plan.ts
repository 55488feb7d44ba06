/** Plans the capture of a container that is named by a process or by its id: no cluster and no runtime is asked for it. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { CapturePlan } from '../capture-plan.ts';
import { type LiveWish, liveRoute } from './live-route.ts';
import { completeId, containerOf, findMembers } from './members.ts';

/** How a container is named without Kubernetes. */
export type LiveTarget =
  /** One of its processes, as the node counts. */
  | { readonly pid: number }
  /** The beginning of its id. */
  | { readonly id: string };

/** A container's id as crictl, docker and ctr show it: 12 digits or more. */
const ID = /^[0-9a-f]{12,64}$/;

/** Whether `text` names a container by its id; a pod of such a name is written with its namespace. */
export const isContainerId = (text: string): boolean => ID.test(text);

/** Nothing is touched. Throws `NOT_ROOT`, and what `containerOf` and `completeId` throw. */
export function planLiveCapture(target: LiveTarget, wish: LiveWish, reason: string): CapturePlan {
  if (process.getuid?.() !== 0)
    throw new ExhibitError('NOT_ROOT', "a capture without CRIU reads other users' memory: run it as root");
  const id = 'pid' in target ? containerOf(target.pid) : completeId(target.id);
  const subject = { container: id };
  return {
    target: subject,
    routes: [liveRoute({ id, target: subject, reason, wish })],
    notTaken: [],
    pod: undefined,
    container: undefined,
    containerId: id,
    notes: [],
    look: async () => ({}),
  };
}

/** Throws `BAD_TARGET` where the process is not one of the container's. */
export function checkMember(pid: number, { containerId }: CapturePlan): void {
  if (containerId !== undefined && findMembers(containerId).includes(pid)) return;
  throw new ExhibitError('BAD_TARGET', `process ${pid} is none of this container's`, {
    help: [`it belongs to container ${containerOf(pid)}`],
  });
}
