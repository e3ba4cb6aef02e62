import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceTuning } from '../../../src/core/tuning.ts';
import type { RegistryDelta } from '../../../src/mesh/registry-view.ts';
import type { ServicePlan } from '../../../src/processes/supervisor/plan.ts';
import { Registry } from '../../../src/processes/supervisor/registry.ts';

const planWith = (calls: ServiceTuning | undefined): ServicePlan =>
  ({ name: 'users', events: {}, pool: undefined, calls }) as unknown as ServicePlan;

test('how a service is called is told anew when it is another, and only then', () => {
  const told: RegistryDelta[] = [];
  const registry = new Registry({
    generation: 1,
    address: () => 'nowhere',
    wanted: () => 1,
    publish: (delta) => {
      told.push(delta);
    },
  });
  const calls = (retries: number): ServiceTuning => ({ actions: { get: { retries } } });
  for (const said of [undefined, undefined, calls(0), calls(0), calls(1), undefined])
    registry.update(planWith(said), []);
  assert.deepEqual(
    told.map(({ entry }) => entry?.calls),
    [undefined, calls(0), calls(1), undefined],
  );
  assert.equal(registry.snapshot().services['users']?.calls, undefined);
});
