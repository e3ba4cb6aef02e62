/** The calling chain on real connections: who is asked, how often again, and in which order. The decisions have tables of their own in tests/core. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { isTuttiError, TuttiError } from '../../src/core/errors.ts';
import { retryLimits } from '../../src/core/retry-budget.ts';
import type { Caller } from '../../src/mesh/caller.ts';
import { eventAction } from '../../src/mesh/kept-event.ts';
import { jobAction } from '../../src/mesh/kept-job.ts';
import type { CallOptions } from '../../src/mesh/outgoing-call.ts';
import { drivers, gate, hasCode, MeshWorld, until } from './mesh-world.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const soon = { deadlineMs: 40 };

/** Codes of the refusals, and how many answers there were. */
async function ask(
  caller: Caller,
  times: number,
  options: CallOptions = soon,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const note = (what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  for (let n = 0; n < times; n += 1)
    await caller.call('users', 'get', {}, options).then(
      () => {
        note('ok');
      },
      (error: unknown) => {
        note(isTuttiError(error) ? error.code : String(error));
      },
    );
  return counts;
}

for (const [driver, open] of Object.entries(drivers)) {
  test(`${driver}: an action that does not answer is not asked for after five times, and its neighbour is`, async () => {
    await using world = new MeshWorld(open());
    let isWell = false;
    await world.serve({ actions: { get: () => (isWell ? 'well' : never()), other: () => 'other' } });
    const caller = world.caller();
    // Connected: a call that does not come so far in time speaks against nobody.
    assert.equal(await caller.call('users', 'other', {}), 'other');
    assert.deepEqual(await ask(caller, 5), { CALL_TIMED_OUT: 5 });
    const began = performance.now();
    await assert.rejects(caller.call('users', 'get', {}), (error) => {
      assert.ok(hasCode('CIRCUIT_OPEN', { action: 'users.get' })(error));
      const { retryAfterMs } = (error as TuttiError).data;
      return typeof retryAfterMs === 'number' && retryAfterMs > 0 && retryAfterMs <= 1_000;
    });
    assert.ok(performance.now() - began < 100, 'at once');
    assert.equal(await caller.call('users', 'other', {}), 'other');
    assert.equal(caller.stats().breakersOpened, 1);
    const [avoided, ...others] = caller.avoided();
    assert.deepEqual(others, []);
    assert.ok(avoided?.kind === 'breaker' && avoided.probeAt > performance.now() - 2_000);
    const { probeAt: _probeAt, ...held } = avoided;
    assert.deepEqual(held, {
      ...{ kind: 'breaker', instance: 'users#1@1', action: 'get', failures: 5, last: 'CALL_TIMED_OUT' },
    });
    assert.equal(
      world.lines.filter(({ sentence }) => sentence.startsWith('An action failed too often')).length,
      1,
    );

    isWell = true;
    const wellAt = performance.now();
    await until(() => performance.now() - wellAt > 20);
    for (;;) {
      const answer = await caller.call('users', 'get', {}).catch(() => undefined);
      if (answer === 'well') break;
      assert.ok(performance.now() - wellAt < 5_000, 'closed within five seconds');
      await new Promise((done) => setTimeout(done, 20));
    }
    assert.deepEqual(await ask(caller, 5, { deadlineMs: 5_000 }), { ok: 5 });
  });

  test(`${driver}: where one of two does not answer the other one is asked`, async () => {
    await using world = new MeshWorld(open());
    const silent = await world.serve({ slot: 1, actions: { get: never } });
    await world.serve({ slot: 2, actions: { get: () => 'from 2' } });
    const caller = world.caller();
    const counts = await ask(caller, 80);
    // Five, and a probe now and then; the other one may be late too, on a machine that has little left for it.
    assert.ok(
      silent.stats().requests <= 8,
      `${String(silent.stats().requests)} calls came to who does not answer`,
    );
    assert.ok((counts['ok'] ?? 0) >= 40, JSON.stringify(counts));
  });

  test(`${driver}: an instance that does not answer our hello gets its part of the calls and no more`, async () => {
    await using world = new MeshWorld(open());
    const held = gate();
    let asked = 0;
    const get = (): Promise<void> => {
      asked += 1;
      return held.opened;
    };
    await world.serve({ actions: { get } });
    const silent = { service: 'users', slot: 2, epoch: 1 };
    const address = world.address(silent);
    const listener = await world.transport.listen(address, () => undefined);
    world.list({ ...silent, address });
    const caller = world.caller();
    const askMany = (): Promise<Record<string, number>>[] =>
      Array.from({ length: 40 }, () => ask(caller, 1, { deadlineMs: bounds.helloMs / 2 }));
    const first = askMany();
    await until(() => asked === 20);
    // One is connected now, the other is not.
    const ends = Promise.all([...first, ...askMany()]);
    await until(() => asked === 40);
    held.open();
    const counts = (await ends).flatMap((end) => Object.keys(end));
    assert.equal(counts.filter((code) => code === 'ok').length, 40);
    await listener.close();
  });

  test(`${driver}: that an instance was not reached is said once, however many calls have waited for it`, async () => {
    await using world = new MeshWorld(open());
    world.list({
      service: 'users',
      slot: 1,
      epoch: 1,
      address: world.address({ service: 'users', slot: 1 }),
    });
    const caller = world.caller();
    const calls = Array.from({ length: 10 }, () => ask(caller, 1));
    assert.deepEqual(await Promise.all(calls), Array(10).fill({ CONNECTION_REFUSED: 1 }));
    const said = world.lines.filter(({ sentence }) => sentence === 'An instance was not reached');
    assert.deepEqual(
      said.map(({ level, fields }) => [level, fields['instance']]),
      [['warn', 'users#1@1']],
    );
  });

  test(`${driver}: a connection that is lost with many calls on it is one failure, not many`, async () => {
    await using world = new MeshWorld(open());
    const lost = await world.serve({ actions: { get: never } });
    const caller = world.caller();
    const calls = Array.from({ length: 20 }, () => caller.call('users', 'get', {}));
    await until(() => lost.stats().inFlight === 20);
    const settled = Promise.allSettled(calls);
    await lost.close();
    assert.ok((await settled).every(({ status }) => status === 'rejected'));
    assert.equal(caller.stats().breakersOpened, 0);
    assert.deepEqual(caller.stats().openBreakers, []);
  });

  test(`${driver}: what an action passes on of those it calls is not held against it`, async () => {
    await using world = new MeshWorld(open());
    const passOn = (): never => {
      throw new TuttiError('INSTANCE_LOST', { instance: 'mail#1@1', executed: 'unknown' });
    };
    await world.serve({ actions: { get: passOn } });
    const caller = world.caller();
    assert.deepEqual(await ask(caller, 30, {}), { INSTANCE_LOST: 30 });
    assert.equal(caller.stats().breakersOpened, 0);
  });

  test(`${driver}: who fails always is asked a tenth more often at most, by one owner`, async () => {
    await using world = new MeshWorld(open());
    let asked = 0;
    const fail = (): never => {
      asked += 1;
      throw new TuttiError('NO_INSTANCE', { service: 'database' });
    };
    await world.serve({ idempotent: true, actions: { get: fail } });
    await world.serve({ slot: 2, idempotent: true, actions: { get: fail } });
    const caller = world.caller();
    const counts = await ask(caller, 300, {});
    assert.deepEqual(counts, { NO_INSTANCE: 300 });
    assert.ok(asked <= 300 + retryLimits.least + 30 + 1, `asked ${String(asked)} times`);
    assert.ok(asked >= 300 + retryLimits.least + 25, `asked ${String(asked)} times`);
  });

  test(`${driver}: a call inside a call is repeated by the first caller only`, async () => {
    await using world = new MeshWorld(open());
    let inner = 0;
    let outer = 0;
    const middle = world.caller({ service: 'users', mayCall: ['mail'] });
    await world.serve({
      service: 'mail',
      idempotent: true,
      actions: {
        send: () => {
          inner += 1;
          throw new TuttiError('NO_INSTANCE', { service: 'smtp' });
        },
      },
    });
    await world.serve({
      idempotent: true,
      actions: {
        get: () => {
          outer += 1;
          return middle.call('mail', 'send', {});
        },
      },
    });
    const caller = world.caller();
    await assert.rejects(caller.call('users', 'get', {}), hasCode('NO_INSTANCE'));
    assert.deepEqual([outer, inner], [3, 3]);
    assert.equal(middle.stats().retries, 0);
  });

  test(`${driver}: what is not idempotent is repeated only with a key`, async () => {
    await using world = new MeshWorld(open());
    let asked = 0;
    await world.serve({
      actions: {
        get: () => {
          asked += 1;
          throw new TuttiError('NO_INSTANCE', { service: 'database' });
        },
      },
    });
    const caller = world.caller();
    await assert.rejects(caller.call('users', 'get', {}), hasCode('NO_INSTANCE'));
    assert.equal(asked, 1);
    await assert.rejects(caller.call('users', 'get', {}, { idempotencyKey: 'k' }), hasCode('NO_INSTANCE'));
    assert.equal(asked, 1 + 1 + retryLimits.retries);
  });

  test(`${driver}: who has too much to do is passed over for one who has not`, async () => {
    await using world = new MeshWorld(open());
    const release = gate();
    const full = await world.serve({ slot: 1, concurrency: 1, actions: { get: () => release.opened } });
    const caller = world.caller();
    const filling = Array.from({ length: 1 + bounds.actionQueue }, () =>
      caller.call('users', 'get', {}).catch(() => undefined),
    );
    await until(() => full.stats().queued === bounds.actionQueue);
    await world.serve({ slot: 2, actions: { get: () => 'from 2' } });
    const others = world.caller({ service: 'bills' });
    for (let n = 0; n < 10; n += 1) assert.equal(await others.call('users', 'get', {}), 'from 2');
    release.open();
    await Promise.all(filling);
  });

  for (const action of [jobAction('mail'), eventAction('told')])
    test(`${driver}: how long ${action} takes says nothing about who does it`, async () => {
      await using world = new MeshWorld(open());
      const served = [0, 0];
      for (const slot of [0, 1])
        await world.serve({
          slot: slot + 1,
          actions: {
            [action]: async () => {
              served[slot] = (served[slot] ?? 0) + 1;
              await new Promise((done) => setTimeout(done, slot === 0 ? 20 : 1));
              return 'x';
            },
          },
        });
      const caller = world.caller();
      // One at a time: nobody has more in hand than the other. Nobody is judged by fewer than ten.
      for (let n = 0; n < 40; n += 1) await caller.call('users', action, {});
      served.fill(0);
      for (let n = 0; n < 60; n += 1) await caller.call('users', action, {});
      assert.ok((served[0] ?? 0) > 10, `${String(served[0])} of 60`);
    });

  test(`${driver}: an instance that is far slower than the others gets few calls, and its share again when it is not`, async () => {
    await using world = new MeshWorld(open());
    let slowMs = 60;
    const served = [0, 0, 0];
    for (const slot of [0, 1, 2])
      await world.serve({
        slot: slot + 1,
        actions: {
          get: async () => {
            served[slot] = (served[slot] ?? 0) + 1;
            await new Promise((done) => setTimeout(done, slot === 0 ? slowMs : 2));
            return 'x';
          },
        },
      });
    const caller = world.caller();
    const run = async (rounds: number): Promise<number> => {
      served.fill(0);
      for (let n = 0; n < rounds; n += 1)
        await Promise.all(Array.from({ length: 3 }, () => caller.call('users', 'get', {})));
      return (served[0] ?? 0) / (3 * rounds);
    };
    await run(40);
    assert.ok((await run(100)) < 0.1);
    slowMs = 2;
    const until5s = performance.now() + 8_000;
    for (;;) {
      if ((await run(40)) > 0.2) break;
      assert.ok(performance.now() < until5s, 'it gets its share again');
    }
  });
}

/** Of `rounds` times four calls, two at a time: how many came to each, after those that show who is how. */
async function sharesOfFour(world: MeshWorld, run: (slot: number) => Promise<unknown>): Promise<number[]> {
  const served = [0, 0, 0, 0];
  for (const slot of served.keys())
    await world.serve({
      slot: slot + 1,
      actions: {
        get: () => {
          served[slot] = (served[slot] ?? 0) + 1;
          return run(slot);
        },
      },
    });
  const caller = world.caller();
  const ask = async (rounds: number): Promise<void> => {
    for (let n = 0; n < rounds; n += 1)
      await Promise.all(Array.from({ length: 4 }, () => caller.call('users', 'get', {}).catch(() => null)));
  };
  // Two comparisons of them, at least.
  for (const until = performance.now() + 600; performance.now() < until;) await ask(10);
  served.fill(0);
  await ask(100);
  return served.map((count) => count / 400);
}

const databaseIsGone = (): Promise<never> =>
  Promise.reject(new TuttiError('NO_INSTANCE', { service: 'database' }));
const work = (): Promise<unknown> => new Promise((done) => setTimeout(done, 10));

test('an instance that alone passes on errors is asked less, though another time it might not', async () => {
  await using world = new MeshWorld();
  const shares = await sharesOfFour(world, (slot) => (slot === 0 ? databaseIsGone() : work()));
  assert.ok((shares[0] ?? 1) < 0.1, shares.join(', '));
});

test('where most fail, and quickly, the one that does its work is not taken for a slow one', async () => {
  await using world = new MeshWorld();
  const shares = await sharesOfFour(world, (slot) => (slot === 0 ? work() : databaseIsGone()));
  // Who is at work longer is asked less, but is asked.
  assert.ok(
    shares.every((share) => share > 0.04),
    shares.join(', '),
  );
});

test('one service that does not answer does not take all of its caller', async () => {
  await using world = new MeshWorld();
  await world.serve({ concurrency: 1, actions: { get: never } });
  await world.serve({ service: 'mail', actions: { send: () => 'sent' } });
  const caller = world.caller({ mayCall: ['users', 'mail'] });
  const waiting = Array.from({ length: bounds.callsToService }, () =>
    caller.call('users', 'get', {}, { deadlineMs: 2_000 }).catch(() => undefined),
  );
  await assert.rejects(caller.call('users', 'get', {}), hasCode('OVERLOADED', { what: 'users' }));
  assert.equal(await caller.call('mail', 'send', {}), 'sent');
  await Promise.all(waiting);
});

test('where calls wait the higher priority is served first, and one that is higher takes the place of a lower one', async () => {
  await using world = new MeshWorld();
  const release = gate();
  const order: unknown[] = [];
  const responder = await world.serve({
    concurrency: 1,
    actions: {
      get: async (input) => {
        await release.opened;
        order.push(input);
        return input;
      },
    },
  });
  const caller = world.caller();
  const calls = [caller.call('users', 'get', 'first')];
  await until(() => responder.stats().inFlight === 1);
  for (const priority of [0, 5, 9, 5, 1]) {
    calls.push(caller.call('users', 'get', priority, { priority }));
    await until(() => responder.stats().queued === calls.length - 1);
  }
  release.open();
  await Promise.all(calls);
  assert.deepEqual(order, ['first', 9, 5, 5, 1, 0]);
});

test('a full queue turns the lowest away for a higher one, and an equal stays', async () => {
  await using world = new MeshWorld();
  const release = gate();
  const responder = await world.serve({ concurrency: 1, actions: { get: () => release.opened } });
  const caller = world.caller();
  const refused: number[] = [];
  const call = (priority: number): Promise<unknown> =>
    caller.call('users', 'get', {}, { priority }).catch((error: unknown) => {
      assert.ok(hasCode('OVERLOADED')(error));
      refused.push(priority);
    });
  const calls = [call(5)];
  await until(() => responder.stats().inFlight === 1);
  calls.push(...Array.from({ length: bounds.actionQueue }, () => call(5)));
  await until(() => responder.stats().queued === bounds.actionQueue);
  calls.push(call(5));
  await until(() => refused.length === 1);
  calls.push(call(9));
  await until(() => refused.length === 2);
  assert.deepEqual(refused, [5, 5]);
  assert.equal(responder.stats().queued, bounds.actionQueue);
  release.open();
  await Promise.all(calls);
});

test('a priority is that of the call, or of the action, or of the call it is part of', async () => {
  await using world = new MeshWorld();
  const middle = world.caller({ service: 'users', mayCall: ['mail', 'slow'] });
  const heard: number[] = [];
  const hear = (_input: unknown, call: { context: { priority: number } }): null => {
    heard.push(call.context.priority);
    return null;
  };
  await world.serve({ service: 'mail', actions: { send: hear } });
  await world.serve({ service: 'slow', priority: 1, actions: { send: hear } });
  await world.serve({
    actions: {
      get: async () => {
        await middle.call('mail', 'send', {});
        await middle.call('slow', 'send', {});
        await middle.call('slow', 'send', {}, { priority: 3 });
        return null;
      },
    },
  });
  const caller = world.caller();
  await caller.call('users', 'get', {});
  await caller.call('users', 'get', {}, { priority: 8 });
  assert.deepEqual(heard, [5, 1, 3, 8, 1, 3]);
  await assert.rejects(caller.call('users', 'get', {}, { priority: 10 }), hasCode('INVALID_INPUT'));
});
