import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RegistryDelta, RegistryService } from '../../../src/mesh/registry-view.ts';
import type { ServicePlan } from '../../../src/processes/supervisor/plan.ts';
import { Registry } from '../../../src/processes/supervisor/registry.ts';

type Said = Partial<Pick<ServicePlan, 'calls' | 'events' | 'pool'>>;
const planWith = (said: Said): ServicePlan =>
  ({ name: 'users', events: {}, pool: undefined, calls: undefined, ...said }) as unknown as ServicePlan;
const poolOf = (callLimit: number): Said => ({ pool: { callLimit, spares: 1 } as ServicePlan['pool'] });
const callsOf = (retries: number): Said => ({ calls: { actions: { get: { retries } } } });

/** What is said in turn, and what of it is told. */
const cases: Readonly<Record<'calls' | 'events' | 'pool', readonly [Said[], unknown[]]>> = {
  calls: [
    [{}, {}, callsOf(0), callsOf(0), callsOf(1), {}],
    [undefined, callsOf(0).calls, callsOf(1).calls, undefined],
  ],
  events: [
    [
      {},
      { events: {} },
      { events: { made: 'balanced' } },
      { events: { made: 'balanced' } },
      { events: { made: 'broadcast' } },
      {},
    ],
    [{}, { made: 'balanced' }, { made: 'broadcast' }, {}],
  ],
  pool: [
    [{}, poolOf(10), poolOf(10), poolOf(20), {}],
    [undefined, { callLimitMs: 10 }, { callLimitMs: 20 }, undefined],
  ],
};

for (const [key, [said, expected]] of Object.entries(cases))
  test(`the ${key} of a service are told anew when they are others, and only then`, () => {
    const told: RegistryDelta[] = [];
    const registry = new Registry({
      generation: 1,
      address: () => 'nowhere',
      wanted: () => 1,
      publish: (delta) => {
        told.push(delta);
      },
    });
    for (const one of said) registry.update(planWith(one), []);
    const field = (entry: RegistryService | null | undefined): unknown =>
      entry?.[key as keyof RegistryService];
    assert.deepEqual(
      told.map(({ entry }) => field(entry)),
      expected,
    );
    assert.deepEqual(field(registry.snapshot().services['users']), expected.at(-1));
  });
