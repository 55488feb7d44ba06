/** What is left of a plan once CRIU is not to be asked. */
import type { CapturePlan } from './capture-plan.ts';

/** The plan with the way without CRIU alone; undefined where that way is not open. */
export function withoutCriu(plan: CapturePlan, why: string): CapturePlan | undefined {
  const way = plan.routes.find(({ name }) => name === 'node');
  if (way === undefined) return undefined;
  const others = plan.routes.filter((route) => route !== way).map(({ name }) => ({ name, reason: why }));
  return { ...plan, routes: [{ ...way, reason: why }], notTaken: [...plan.notTaken, ...others] };
}
