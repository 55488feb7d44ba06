/** What this user, and the API server's own client to the kubelets, may do: nothing is assumed, the API server is asked. */

import { ownName, type Right, reviewOwn, reviewUser, type Verdict } from '../../cluster/access-review.ts';
import type { Endpoint } from '../../https-client.ts';
import { grantCommands } from '../../rbac.ts';
import type { Finding } from '../finding.ts';
import type { NodeGate } from './gate.ts';

const CHECKPOINT: Right = { verb: 'create', resource: 'nodes/checkpoint' };
const PROXY: Right = { verb: 'create', resource: 'nodes/proxy' };
const LOOK_UP: Right = { verb: 'get', resource: 'pods' };

/** As kubeadm names it; other distributions' is in a group that may do everything, or was named by who set it up. */
const API_SERVER_CLIENT = 'kube-apiserver-kubelet-client';

/** Where the API server does not tell who this user is (before 1.28). */
const UNNAMED = 'YOUR-USER';

export interface OwnRights {
  readonly user: string;
  readonly checkpoint: Verdict;
  readonly proxy: Verdict;
  readonly lookUp: Verdict;
}

/** Asks for the rights of the user of `api`. Throws `API_UNAUTHORIZED` and what keeps the API server from being reached. */
export async function askOwnRights(api: Endpoint): Promise<OwnRights> {
  const [user = UNNAMED, checkpoint, proxy, lookUp] = await Promise.all([
    ownName(api),
    reviewOwn(api, CHECKPOINT),
    reviewOwn(api, PROXY),
    reviewOwn(api, LOOK_UP),
  ]);
  return { user, checkpoint, proxy, lookUp };
}

/** One of the two ways is enough; the one that needs less is advised. */
export function ownRightFindings({ user, checkpoint, proxy, lookUp }: OwnRights): readonly Finding[] {
  const hasOne = checkpoint.answer === 'yes' || proxy.answer === 'yes';
  return [
    rightFinding({ id: 'rbac-kubelet', title: 'This user at the kubelets' }, user, CHECKPOINT, checkpoint, {
      status: hasOne ? 'warning' : 'failure',
      consequence: hasOne ? 'captures go through the API server only' : 'no capture straight from a kubelet',
    }),
    rightFinding(
      { id: 'rbac-proxy', title: "This user at the API server's node proxy" },
      user,
      PROXY,
      proxy,
      {
        status: hasOne ? 'ok' : 'failure',
        consequence: hasOne
          ? 'it is a wide right, and not needed where port 10250 of the nodes can be reached'
          : 'no capture through the API server; it is a wide right: prefer nodes/checkpoint',
      },
    ),
    rightFinding({ id: 'rbac-pods', title: 'This user looks up pods' }, user, LOOK_UP, lookUp, {
      status: 'warning',
      consequence:
        'not in every namespace: a pod that cannot be looked up needs --node and its container named',
    }),
  ];
}

interface Lack {
  readonly status: Finding['status'];
  readonly consequence: string;
}

function rightFinding(
  about: Pick<Finding, 'id' | 'title'>,
  user: string,
  right: Right,
  verdict: Verdict,
  { status, consequence }: Lack,
): Finding {
  const what = `${right.verb} ${right.resource}`;
  if (verdict.answer === 'yes') return { ...about, status: 'ok', evidence: `${user} may ${what}`, cure: [] };
  if (verdict.answer === 'unknown') {
    const { message, help } = verdict.error;
    return { ...about, status: 'unknown', evidence: message, cure: help };
  }
  const evidence = `${user} may not ${what}: ${consequence}`;
  return { ...about, status, evidence, cure: status === 'ok' ? [] : grantCommands({ user, ...right }) };
}

const ABOUT_CLIENT = { id: 'rbac-api-server', title: "The API server's client at the kubelets" } as const;

/**
 * Best known by what a kubelet answered it; where this user could not have it asked, by the name that kubeadm gives it.
 * It matters only for captures through the API server.
 */
export async function apiServerClientFinding(
  api: Endpoint,
  gates: readonly NodeGate[],
  own: OwnRights,
): Promise<Finding> {
  const passed = gates.flatMap(({ answers }) => answers.filter(({ way }) => way === 'proxy'));
  const denied = passed.find(({ state }) => state === 'denied');
  if (denied !== undefined) {
    const { message, help } = denied.error;
    const status = own.checkpoint.answer === 'yes' ? 'warning' : 'failure';
    return { ...ABOUT_CLIENT, status, evidence: message, cure: help };
  }
  if (passed.some(({ state }) => state === 'on' || state === 'off')) {
    return { ...ABOUT_CLIENT, status: 'ok', evidence: 'a kubelet answered it as one that may', cure: [] };
  }
  return judgeByName(await reviewUser(api, API_SERVER_CLIENT, CHECKPOINT));
}

function judgeByName(verdict: Verdict): Finding {
  const right = `${CHECKPOINT.verb} ${CHECKPOINT.resource}`;
  const who = `${API_SERVER_CLIENT}, as kubeadm names it,`;
  if (verdict.answer === 'yes') {
    return { ...ABOUT_CLIENT, status: 'ok', evidence: `${who} may ${right}`, cure: [] };
  }
  if (verdict.answer === 'no') {
    const evidence = `${who} may not ${right}, unless by a group that its certificate is for`;
    const cure = grantCommands({ user: API_SERVER_CLIENT, ...CHECKPOINT });
    return { ...ABOUT_CLIENT, status: 'warning', evidence, cure };
  }
  const { message, help } = verdict.error;
  const ask = `kubectl auth can-i create nodes --subresource=checkpoint --as=${API_SERVER_CLIENT}`;
  const cure = [`as somebody who may impersonate: ${ask}`, ...help];
  return {
    ...ABOUT_CLIENT,
    status: 'unknown',
    evidence: `no kubelet could be asked about it; ${message}`,
    cure,
  };
}
