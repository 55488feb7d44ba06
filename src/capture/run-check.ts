/** Does the container still run? Asked after every capture, since a failed or cancelled one can leave it frozen. */
import type { FreezerState } from './freezer.ts';
import type { ContainerSummary } from './pod.ts';

export interface RunCheck {
  /** `unknown`: neither the pod's status nor the node's files could be read. */
  readonly verdict: 'running' | 'frozen' | 'ended' | 'unknown';
  /** One sentence: what was looked at and what it says. */
  readonly detail: string;
  /** What to do about it, as lines. */
  readonly help: readonly string[];
}

/** A container as it was seen at one time; undefined where it could not be looked at. */
export interface Sighting {
  readonly podUid?: string | undefined;
  readonly status?: ContainerSummary | undefined;
  /** Only on the container's own node; `gone` elsewhere. */
  readonly freezer?: FreezerState | undefined;
}

/** Judges what was seen before a capture against what was seen after. */
export function checkRunning(id: string | undefined, before: Sighting, after: Sighting): RunCheck {
  if (after.freezer === 'frozen') {
    const since = before.freezer === 'frozen' ? ', as they were before' : '';
    return {
      verdict: 'frozen',
      detail: `its processes are frozen (cgroup freezer)${since}`,
      help: thawCommands(id),
    };
  }
  const ending = endOf(before, after);
  if (ending !== undefined) return { verdict: 'ended', detail: ending, help: [] };
  if (after.freezer === 'running') {
    return running('its processes run (cgroup freezer), the same container as before');
  }
  if (after.status === undefined) {
    return {
      verdict: 'unknown',
      detail: 'its pod could not be looked up, and it does not run on this machine',
      help: [],
    };
  }
  const lostReadiness = before.status?.ready === true && !after.status.ready;
  const readiness = lostReadiness ? ', but it is not ready any more' : '';
  return running(
    `its pod's status says so${readiness}; only on its node can be seen whether its processes are frozen`,
  );
}

function endOf(before: Sighting, after: Sighting): string | undefined {
  if (before.podUid !== undefined && after.podUid !== undefined && before.podUid !== after.podUid) {
    return (
      `another pod of that name has taken its place: UID ${before.podUid} before, ${after.podUid} now; ` +
      'the archive may be of either, and says itself of which'
    );
  }
  if (before.freezer === 'running' && after.freezer === 'gone')
    return 'its processes are gone from this node';
  const [was, is] = [before.status, after.status];
  if (is === undefined || was === undefined) return undefined;
  if (is.id !== was.id || is.restarts > was.restarts) {
    return `it was restarted: restarts ${was.restarts} before, ${is.restarts} now`;
  }
  if (is.state === 'running') return undefined;
  return `its pod's status says ${[is.state, is.reason].filter((part) => part !== undefined).join(': ')}`;
}

const running = (detail: string): RunCheck => ({ verdict: 'running', detail, help: [] });

/** How a frozen container is thawed, on its node. */
export function thawCommands(id: string | undefined): readonly string[] {
  const container = id ?? 'CONTAINER_ID';
  return [
    `to thaw it, on its node: ctr -n k8s.io tasks resume ${container}`,
    `(k3s and RKE2: their own ctr, "k3s ctr …"; CRI-O: runc resume ${container}; Podman: podman unpause ${container})`,
  ];
}
