/**
 * The plan of `tutti dev`: the same app, impatient. Pure.
 */
import type { AppPlan, ServicePlan } from '../plan.ts';

/** Nobody waits for work in hand of code that is being written. */
const drainMs = 1_000;
/** Who mends the reason of a crash loop will not wait half a minute to see it. */
const maxDelayMs = 5_000;

const impatient = (plan: ServicePlan): ServicePlan => ({
  ...plan,
  restart: { ...plan.restart, maxDelay: Math.min(plan.restart.maxDelay, maxDelayMs) },
  stop: {
    ...plan.stop,
    drainTimeout: Math.min(plan.stop.drainTimeout, drainMs),
    drainMax: Math.min(plan.stop.drainMax, drainMs),
    killAfter: Math.min(plan.stop.killAfter, drainMs),
  },
});

export const devPlan = (plan: AppPlan): AppPlan => ({
  ...plan,
  options: { ...plan.options, orphanGrace: 0 },
  services: new Map([...plan.services].map(([name, service]) => [name, impatient(service)])),
});
