import { describe, expect, test } from 'vitest';
import { type ErrorCode, ExhibitError } from '../bytes/exhibit-error.ts';
import { takeBoth, takeCheckpoint } from './capture.ts';
import type { CapturePlan } from './capture-plan.ts';
import type { ContainerSummary, PodSummary } from './pod.ts';
import type { CaptureRoute, RouteName } from './route.ts';

const container: ContainerSummary = {
  name: 'app',
  kind: 'container',
  image: 'i',
  state: 'running',
  ready: true,
  restarts: 0,
};
const pod: PodSummary = {
  namespace: 'shop',
  pod: 'web',
  uid: 'u1',
  phase: 'Running',
  labels: {},
  containers: [container],
};

const refuses = (name: RouteName, code: ErrorCode): CaptureRoute => ({
  ...takes(name),
  take: () => Promise.reject(new ExhibitError(code, `${name} said ${code}`, { help: [`mend ${name}`] })),
});

const takes = (name: RouteName): CaptureRoute => ({
  name,
  reason: `why ${name}`,
  endpoint: `at ${name}`,
  trust: '',
  take: async () => `/nowhere/${name}.tar`,
  probe: async () => undefined,
});

function planOf(routes: CapturePlan['routes'], uidAfterwards = 'u1'): CapturePlan {
  return {
    target: { namespace: 'shop', pod: 'web', container: 'app' },
    routes,
    notTaken: [],
    pod,
    container,
    containerId: undefined,
    notes: [],
    look: async () => ({ podUid: uidAfterwards, status: container }),
  };
}

async function refusal(plan: CapturePlan): Promise<ExhibitError> {
  const error = await takeCheckpoint(plan).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ExhibitError);
  return error as ExhibitError;
}

describe.concurrent('the next way is tried', () => {
  test.each<ErrorCode>([
    'KUBELET_FORBIDDEN',
    'KUBELET_UNAUTHORIZED',
    'CONNECTION_FAILED',
    'SERVER_UNVERIFIED',
  ])('after %s: nothing was touched', async (code) => {
    const told: string[] = [];
    const plan = planOf([refuses('kubelet', code), takes('cri'), takes('proxy')]);
    const report = await takeCheckpoint(plan, ({ name, reason }, next) => {
      told.push(`${name}: ${reason}; ${next.name}`);
    });
    expect(told).toEqual([`kubelet: kubelet said ${code}; cri`]);
    expect(report).toMatchObject({ route: { name: 'cri' }, archive: { path: '/nowhere/cri.tar' } });
    expect(report.routes_not_taken).toEqual([
      { name: 'kubelet', reason: `kubelet said ${code}` },
      { name: 'proxy', reason: expect.stringContaining('only if those before it are refused') },
    ]);
  });

  test.each<ErrorCode>([
    'CHECKPOINT_FAILED',
    'CAPTURE_CONNECTION_LOST',
    'KUBELET_BAD_ANSWER',
    'CHECKPOINT_TIMED_OUT',
  ])('never after %s: a checkpoint may have begun', async (code) => {
    const next = { ...takes('cri'), take: () => Promise.reject(new Error('it was tried')) };
    expect((await refusal(planOf([refuses('kubelet', code), next]))).code).toBe(code);
  });

  test('until none is left: what each lacks is told', async () => {
    const plan = planOf([refuses('kubelet', 'KUBELET_FORBIDDEN'), refuses('proxy', 'API_FORBIDDEN')]);
    const { code, message, help } = await refusal(plan);
    expect([code, message]).toEqual(['KUBELET_FORBIDDEN', 'shop/web/app: kubelet said KUBELET_FORBIDDEN']);
    expect(help).toEqual(['mend kubelet', 'the next way: proxy said API_FORBIDDEN', 'mend proxy']);
  });
});

describe.concurrent('a pod on the node', () => {
  const pod = { ...takes('node'), makesPod: true } as const;

  test.each<ErrorCode>([
    'CHECKPOINT_DISABLED',
    'CHECKPOINT_FAILED',
    'CHECKPOINT_UNSUPPORTED',
    'CRIU_DISABLED',
    'CRIU_MISSING',
  ])('captures after %s: the node cannot checkpoint it', async (code) => {
    const told: string[] = [];
    const plan = planOf([refuses('kubelet', code), refuses('proxy', 'API_FORBIDDEN'), pod]);
    const elsewhere = { ...plan, containerId: 'f'.repeat(64) };
    const report = await takeCheckpoint(elsewhere, ({ name }, next, state) => {
      told.push(`${name} ${next.name} ${state}`);
    });
    expect(report.route.name).toBe('node');
    expect(told.at(-1)).toMatch(code === 'CHECKPOINT_FAILED' ? /^kubelet node unseen$/ : / node untouched$/);
  });

  test('is not made for rights that are missing, nor after what may have begun', async () => {
    const forbidden: CaptureRoute = { ...pod, take: () => Promise.reject(new Error('it was made')) };
    const plan = planOf([
      refuses('kubelet', 'KUBELET_FORBIDDEN'),
      refuses('proxy', 'API_FORBIDDEN'),
      forbidden,
    ]);
    expect((await refusal(plan)).code).toBe('KUBELET_FORBIDDEN');
    const lost = planOf([refuses('kubelet', 'CHECKPOINT_TIMED_OUT'), forbidden]);
    expect((await refusal({ ...lost, containerId: 'f'.repeat(64) })).code).toBe('CHECKPOINT_TIMED_OUT');
  });

  test('that fails leaves the refusal, what kept the pod, and the command that would do it', async () => {
    const plan = planOf([
      refuses('kubelet', 'CRIU_MISSING'),
      { ...refuses('node', 'HELPER_POD_FAILED'), makesPod: true },
    ]);
    const { code, help } = await refusal({ ...plan, containerId: 'f'.repeat(64) });
    expect(code).toBe('CRIU_MISSING');
    expect(help).toEqual(
      expect.arrayContaining([
        'mend kubelet',
        'the next way: node said HELPER_POD_FAILED',
        'from elsewhere, by a pod: exhibit capture shop/web/app --via node --image IMAGE',
      ]),
    );
  });

  test('is no half of both: it does not tell when the container runs again', async () => {
    await expect(takeBoth(planOf([takes('kubelet'), pod]))).rejects.toMatchObject({ code: 'NO_ROUTE' });
  });
});

test('a pod that was replaced by one of its name meanwhile is told', async () => {
  const { pod_uid, container_afterwards } = await takeCheckpoint(planOf([takes('kubelet')], 'u2'));
  expect(pod_uid).toBe('u1');
  expect(container_afterwards).toMatchObject({
    verdict: 'ended',
    detail: expect.stringContaining('UID u1 before, u2 now'),
  });
});

describe.concurrent('without CRIU and by it', () => {
  test('one after the other, and each has its archive', async () => {
    const own: CaptureRoute = {
      ...takes('node'),
      take: async (watch) => {
        await watch?.onThawed?.(Date.now() - 1500);
        return '/nowhere/node.tar';
      },
    };
    const report = await takeBoth(planOf([takes('kubelet'), own]));
    expect(report.archive.path).toBe('/nowhere/node.tar');
    expect(report.companion).toMatchObject({ report: { archive: { path: '/nowhere/kubelet.tar' } } });
    const failed = await takeBoth(planOf([refuses('kubelet', 'CHECKPOINT_FAILED'), own]));
    expect(failed.companion).toMatchObject({ failed: 'shop/web/app: kubelet said CHECKPOINT_FAILED' });
  });

  test('takes both ways', async () => {
    await expect(takeBoth(planOf([takes('kubelet')]))).rejects.toMatchObject({ code: 'NO_ROUTE' });
  });

  test('what CRIU gave up is not tried again where nobody sees that the container runs', async () => {
    const plan = planOf([refuses('kubelet', 'CHECKPOINT_FAILED'), takes('node')]);
    expect((await refusal(plan)).code).toBe('CHECKPOINT_FAILED');
    expect((await refusal({ ...plan, containerId: '0'.repeat(64) })).code).toBe('CHECKPOINT_FAILED');
  });
});
