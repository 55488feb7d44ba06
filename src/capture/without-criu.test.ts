import { describe, expect, it } from 'vitest';
import type { CapturePlan } from './capture-plan.ts';
import type { CaptureRoute, RouteName } from './route.ts';
import { withoutCriu } from './without-criu.ts';

const route = (name: RouteName): CaptureRoute => ({
  name,
  reason: '',
  endpoint: '',
  trust: '',
  take: async () => '',
  probe: async () => undefined,
});
const planOf = (routes: CapturePlan['routes']): CapturePlan => ({
  target: { container: 'app' },
  routes,
  notTaken: [],
  pod: undefined,
  container: undefined,
  containerId: undefined,
  notes: [],
  look: async () => ({}),
});

describe('withoutCriu', () => {
  it('leaves the way without CRIU, with the reason for each', () => {
    const plan = withoutCriu(planOf([route('kubelet'), route('node')]), 'why');
    expect(plan?.routes).toMatchObject([{ name: 'node', reason: 'why' }]);
    expect(plan?.notTaken).toEqual([{ name: 'kubelet', reason: 'why' }]);
  });

  it('is none where that way is not open', () => {
    expect(withoutCriu(planOf([route('kubelet')]), 'why')).toBeUndefined();
  });
});
