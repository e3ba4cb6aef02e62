/**
 * Asks every ready instance of the app for its numbers, all at once. One that does not answer in time is left out: a scrape is a look,
 * not a reason to wait.
 */
import { slotId } from '../../core/ids.ts';
import type { MetricFamily } from '../../core/metric.ts';
import type { Caller } from '../../mesh/caller.ts';
import type { RegistryInstance, RegistryView } from '../../mesh/registry-view.ts';
import type { InstanceMetrics } from '../../mesh/runtime.ts';
import { metricsActionName } from '../../mesh/runtime.ts';

export interface CollectNeeds {
  readonly registry: RegistryView;
  readonly caller: Caller;
  readonly timeoutMs: number;
}

async function askOne(
  { caller, timeoutMs }: CollectNeeds,
  instance: RegistryInstance,
): Promise<InstanceMetrics | undefined> {
  const { service, slot } = instance;
  try {
    const metrics = await caller.call(service, metricsActionName, {}, { slot, deadlineMs: timeoutMs });
    return { instance: slotId(instance), service, metrics: metrics as MetricFamily[] };
  } catch {
    return undefined;
  }
}

export async function instanceMetrics(needs: CollectNeeds): Promise<readonly InstanceMetrics[]> {
  const instances = [...needs.registry.services()].flatMap(([, service]) => service.instances);
  const answers = await Promise.all(instances.map((instance) => askOne(needs, instance)));
  return answers.filter((answer) => answer !== undefined);
}
