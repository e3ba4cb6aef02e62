/** Steps of the calling chain that are tuned for a service, an action or a call, on real connections. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTuttiError, TuttiError } from '../../src/core/errors.ts';
import type { ServiceTuning } from '../../src/core/tuning.ts';
import type { Caller } from '../../src/mesh/caller.ts';
import type { CallOptions } from '../../src/mesh/outgoing-call.ts';
import { systemClock } from '../../src/os/clock.ts';
import { drivers, hasCode, MeshWorld, until } from './mesh-world.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const tuned = (get: ServiceTuning['actions'][string]): ServiceTuning => ({ actions: { get } });

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'ok',
    (error: unknown) => (isTuttiError(error) ? error.code : String(error)),
  );

/** How often it came to the action until the caller heard of the failure. */
async function asked(caller: Caller, count: () => number, options: CallOptions = {}): Promise<number> {
  const before = count();
  await assert.rejects(caller.call('users', 'get', {}, options), hasCode('NO_INSTANCE'));
  return count() - before;
}

/** An action that always says it may be well in a moment. */
async function failing(world: MeshWorld, calls: ServiceTuning, idempotent = true): Promise<() => number> {
  let count = 0;
  const get = (): never => {
    count += 1;
    throw new TuttiError('NO_INSTANCE', { service: 'database' });
  };
  await world.serve({ idempotent, calls, actions: { get } });
  return () => count;
}

for (const [driver, open] of Object.entries(drivers)) {
  test(`${driver}: a breaker opens after its own number and probes after its own time, and that of a neighbour does not`, async () => {
    await using world = new MeshWorld(open());
    let isWell = false;
    const get = (): unknown => (isWell ? 'well' : never());
    const breaker = { inARow: 2, probeAfterMs: 60_000, longestProbeAfterMs: 60_000 };
    await world.serve({ calls: tuned({ breaker }), actions: { get, other: never, ping: () => 'here' } });
    const caller = world.caller();
    // Connected: a call that does not come so far in time speaks against nobody.
    await caller.call('users', 'ping', {});
    const ask = (action: string): Promise<string> =>
      codeOf(caller.call('users', action, {}, { deadlineMs: 200 }));
    assert.deepEqual(
      [await ask('get'), await ask('get'), await ask('get')],
      ['CALL_TIMED_OUT', 'CALL_TIMED_OUT', 'CIRCUIT_OPEN'],
    );
    for (let n = 0; n < 3; n += 1) assert.equal(await ask('other'), 'CALL_TIMED_OUT');
    const [avoided] = caller.avoided();
    assert.ok(avoided?.kind === 'breaker' && avoided.failures === 2 && avoided.percent === undefined);
    assert.ok(avoided.probeAt > systemClock.now() + 30_000, 'it probes after its own time');
    isWell = true;
    assert.equal(await ask('get'), 'CIRCUIT_OPEN', 'nobody asks before that');
  });

  test(`${driver}: a breaker that opens by its own part says which`, async () => {
    await using world = new MeshWorld(open());
    let isWell = false;
    const breaker = { percent: 20, fewest: 5, inARow: 100 };
    const get = (): unknown => (isWell ? 'well' : never());
    await world.serve({ calls: tuned({ breaker }), actions: { get, ping: () => 'here' } });
    const caller = world.caller();
    const ask = (): Promise<string> =>
      codeOf(caller.call('users', 'get', {}, { deadlineMs: isWell ? 5_000 : 200 }));
    await caller.call('users', 'ping', {});
    assert.equal(await ask(), 'CALL_TIMED_OUT');
    isWell = true;
    for (let n = 0; n < 3; n += 1) assert.equal(await ask(), 'ok');
    isWell = false;
    assert.equal(await ask(), 'CALL_TIMED_OUT');
    const [avoided] = caller.avoided();
    assert.ok(avoided?.kind === 'breaker');
    assert.deepEqual([avoided.failures, avoided.percent], [1, 20]);
  });

  test(`${driver}: an action that has no breaker is asked for however often it fails`, async () => {
    await using world = new MeshWorld(open());
    const responder = await world.serve({
      calls: tuned({ breaker: false }),
      actions: { get: never, ping: () => 'here' },
    });
    const caller = world.caller();
    await caller.call('users', 'ping', {});
    for (let n = 0; n < 30; n += 1)
      assert.equal(await codeOf(caller.call('users', 'get', {}, { deadlineMs: 20 })), 'CALL_TIMED_OUT');
    assert.equal(caller.stats().breakersOpened, 0);
    assert.deepEqual(caller.avoided(), []);
    assert.ok(responder.stats().requests > 5);
  });

  test(`${driver}: an action is made again as often as it says, and a call has the last word`, async () => {
    for (const retries of [0, 1, 2]) {
      await using world = new MeshWorld(open());
      const count = await failing(world, tuned({ retries }));
      const caller = world.caller();
      assert.equal(await asked(caller, count), 1 + retries);
      for (const own of [0, 1, 2])
        assert.equal(await asked(caller, count, { retries: own }), 1 + own, `${String(own)} of a call`);
    }
  });

  test(`${driver}: what may not be done twice is not made again, however often a call asks for it`, async () => {
    await using world = new MeshWorld(open());
    const count = await failing(world, tuned({ retries: 2 }), false);
    const caller = world.caller();
    assert.equal(await asked(caller, count, { retries: 2 }), 1);
    assert.equal(await asked(caller, count, { retries: 1, idempotencyKey: 'k' }), 2);
    for (const retries of [3, -1, 0.5, Number.NaN])
      await assert.rejects(caller.call('users', 'get', {}, { retries }), hasCode('INVALID_INPUT'));
  });

  test(`${driver}: a call that names no time has that of its action, and no more than the call it is part of`, async () => {
    await using world = new MeshWorld(open());
    const remaining: number[] = [];
    const get = (_input: unknown, call: { context: { deadline: number } }): null => {
      remaining.push(call.context.deadline - systemClock.now());
      return null;
    };
    await world.serve({ calls: tuned({ deadlineMs: 60_000 }), actions: { get, other: get } });
    await world.serve({
      service: 'middle',
      actions: { get: () => inner.call('users', 'get', {}) },
    });
    const inner = world.caller({ service: 'middle', mayCall: ['users'] });
    const caller = world.caller({ mayCall: ['users', 'middle'] });
    await caller.call('users', 'get', {});
    await caller.call('users', 'get', {}, { deadlineMs: 20_000 });
    await caller.call('users', 'other', {});
    await caller.call('middle', 'get', {});
    const [ofAction = 0, ofCall = 0, usual = 0, nested = 0] = remaining;
    assert.ok(ofAction > 30_000, String(ofAction));
    assert.ok(ofCall > 5_000 && ofCall <= 20_000, String(ofCall));
    assert.ok(usual <= 5_000 && nested <= 5_000, `${String(usual)} ${String(nested)}`);
  });

  test(`${driver}: an action that does not answer in its own time is given up after that`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ calls: tuned({ deadlineMs: 40 }), actions: { get: never } });
    const caller = world.caller();
    await assert.rejects(caller.call('users', 'get', {}), hasCode('CALL_TIMED_OUT', { afterMs: 40 }));
  });

  test(`${driver}: what the registry says anew counts from the next call on, and nobody loses what he knows`, async () => {
    await using world = new MeshWorld(open());
    const actions = { get: never, ping: () => 'here' };
    await world.serve({ calls: tuned({ breaker: { inARow: 3 } }), actions });
    const caller = world.caller();
    await caller.call('users', 'ping', {});
    const ask = (): Promise<string> => codeOf(caller.call('users', 'get', {}, { deadlineMs: 200 }));
    assert.equal(await ask(), 'CALL_TIMED_OUT');
    world.tune('users', tuned({ breaker: { inARow: 2 } }));
    assert.equal(await ask(), 'CALL_TIMED_OUT');
    assert.equal(caller.stats().breakersOpened, 1, 'the failure from before is not forgotten');
    world.tune('users', tuned({ breaker: false, deadlineMs: 40 }));
    await until(() => systemClock.now() > (probeAtOf(caller) ?? 0));
    assert.equal(await codeOf(caller.call('users', 'get', {})), 'CALL_TIMED_OUT');
    assert.deepEqual(caller.avoided(), []);
  });

  test(`${driver}: instances that are not compared have their share, however slow one of them is`, async () => {
    await using world = new MeshWorld(open());
    const served = [0, 0, 0];
    for (const slot of [0, 1, 2])
      await world.serve({
        slot: slot + 1,
        calls: { outliers: false, actions: {} },
        actions: {
          get: async () => {
            served[slot] = (served[slot] ?? 0) + 1;
            await new Promise((done) => setTimeout(done, slot === 0 ? 40 : 2));
            return 'x';
          },
        },
      });
    const caller = world.caller();
    // One at a time: nobody has more in hand than the others.
    for (let n = 0; n < 120; n += 1) await caller.call('users', 'get', {});
    const part = (served[0] ?? 0) / 120;
    assert.ok(part > 0.15, `${String(part)} of the calls`);
    assert.equal(caller.stats().outliers, 0);
  });
}

function probeAtOf(caller: Caller): number | undefined {
  const [avoided] = caller.avoided();
  return avoided?.kind === 'breaker' ? avoided.probeAt : undefined;
}
