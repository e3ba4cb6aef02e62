/** The place of an instance in a pool, and the line of those who want it, over the memory and the unix transport. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { Place } from '../../src/mesh/place.ts';
import type { PlaceAsker, PlaceWatcher } from '../../src/mesh/place.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { drivers, gate, hasCode, MeshWorld, until } from './mesh-world.ts';

/** Writes down what it is told. */
function witness(): PlaceWatcher & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    began: (action) => void told.push(`began ${action}`),
    unwanted: () => void told.push('unwanted'),
    ended: () => void told.push('ended'),
  };
}

const pool = (): { pool: PlaceWatcher; callLimitMs: number } => ({ pool: witness(), callLimitMs: 60_000 });

test('a caller that stands still does not keep the place from the next one', () => {
  const clock = fakeClock();
  const place = new Place(clock, witness());
  const given: string[] = [];
  const asker = (name: string): PlaceAsker => ({
    givePlace: (number) => void given.push(`${name} ${String(number)}`),
  });
  const [still, other] = [asker('still'), asker('other')];
  place.ask(still, 1);
  place.ask(other, 2);
  assert.deepEqual(given, ['still 1']);
  clock.advance(bounds.poolPlaceMs);
  assert.deepEqual(given, ['still 1', 'other 2']);
  const call = { action: 'quick', context: { deadline: Infinity } };
  assert.ok(!place.enter({ ...call, number: 1, origin: still }));
  assert.ok(place.enter({ ...call, number: 2, origin: other }));
  place.ask(still, 3);
  place.gone(still);
  place.leave();
  assert.deepEqual(given, ['still 1', 'other 2']);
});

for (const [name, makeTransport] of Object.entries(drivers))
  describe(`A pool over ${name}`, () => {
    test(
      'an instance runs one call at a time, whatever the action and whoever asks',
      { timeout: 20_000 },
      async () => {
        await using world = new MeshWorld(makeTransport());
        let [running, most] = [0, 0];
        const work = async (): Promise<string> => {
          most = Math.max(most, (running += 1));
          // Longer than a place is kept.
          await new Promise((done) => setTimeout(done, 1.5 * bounds.poolPlaceMs));
          running -= 1;
          return 'done';
        };
        await world.serve({ ...pool(), actions: { one: work, other: work } });
        const callers = [world.caller(), world.caller({ service: 'mail' })];
        const calls = callers.flatMap((caller) =>
          ['one', 'other'].map((action) => caller.call('users', action, {})),
        );
        assert.deepEqual(new Set(await Promise.all(calls)), new Set(['done']));
        assert.equal(most, 1);
      },
    );

    test('a call goes to whoever is free first, past one that is not', { timeout: 20_000 }, async () => {
      await using world = new MeshWorld(makeTransport());
      const { opened, open } = gate();
      const ran: number[] = [];
      const held: number[] = [];
      for (const slot of [1, 2])
        await world.serve({
          ...{ ...pool(), slot },
          actions: { hang: () => (held.push(slot), opened), quick: () => ran.push(slot) },
        });
      const [first, second] = [world.caller(), world.caller({ service: 'mail' })];
      const hanging = first.call('users', 'hang', {});
      await until(() => held.length === 1);
      // Each would be behind the one that hangs in half of the cases, were it sent there.
      for (let call = 0; call < 20; call += 1)
        await (call % 2 === 0 ? first : second).call('users', 'quick', {}, { deadlineMs: 2_000 });
      assert.deepEqual(new Set(ran), new Set([1, 2].filter((slot) => !held.includes(slot))));
      open();
      await hanging;
    });

    test('the higher priority is served first', { timeout: 20_000 }, async () => {
      await using world = new MeshWorld(makeTransport());
      const { opened, open } = gate();
      const order: unknown[] = [];
      await world.serve({ ...pool(), actions: { hang: () => opened, note: (input) => order.push(input) } });
      const caller = world.caller();
      const first = caller.call('users', 'hang', {});
      const rest = [1, 9, 5].map((priority) => caller.call('users', 'note', priority, { priority }));
      await until(() => caller.stats().inFlight === 4);
      open();
      await Promise.all([first, ...rest]);
      assert.deepEqual(order, [9, 5, 1]);
    });

    test('beyond what may wait for a place a call is turned away at once', { timeout: 20_000 }, async () => {
      await using world = new MeshWorld(makeTransport());
      const { opened, open } = gate();
      let isHeld = false;
      await world.serve({ ...pool(), actions: { hang: () => ((isHeld = true), opened), take: () => 1 } });
      const [many, large] = [world.caller(), world.caller({ service: 'mail' })];
      const patient = { deadlineMs: 60_000 };
      const abort = new AbortController();
      const hanging = many.call('users', 'hang', {}, patient);
      await until(() => isHeld);
      const waiting = Array.from({ length: bounds.poolQueue }, () => many.call('users', 'take', {}, patient));
      await assert.rejects(many.call('users', 'take', {}, patient), hasCode('OVERLOADED'));
      const megabytes = 'x'.repeat(15 * 1_048_576);
      const heavy = Array.from({ length: Math.ceil(bounds.poolQueueBytes / megabytes.length) }, () =>
        large.call('users', 'take', megabytes, { ...patient, signal: abort.signal }),
      );
      await assert.rejects(large.call('users', 'take', {}, patient), hasCode('OVERLOADED'));
      abort.abort();
      await Promise.allSettled(heavy);
      open();
      await Promise.all([hanging, ...waiting]);
    });

    test('inputs that fill the connection are served one after the other', { timeout: 20_000 }, async () => {
      await using world = new MeshWorld(makeTransport());
      await world.serve({ ...pool(), actions: { size: (input) => (input as string).length } });
      const caller = world.caller();
      const input = 'x'.repeat(bounds.outgoingBytes + 1_000_000);
      const sizes = Array.from({ length: 3 }, () =>
        caller.call('users', 'size', input, { deadlineMs: 15_000 }),
      );
      assert.deepEqual(new Set(await Promise.all(sizes)), new Set([input.length]));
    });

    test('a spare is not asked until it takes over', { timeout: 20_000 }, async () => {
      await using world = new MeshWorld(makeTransport());
      await world.serve({ ...pool(), actions: { slot: () => 1 } });
      await world.serve({ ...pool(), slot: 2, isSpare: true, actions: { slot: () => 2 } });
      const caller = world.caller();
      const ask = (): Promise<unknown> => caller.call('users', 'slot', {});
      assert.deepEqual(new Set(await Promise.all(Array.from({ length: 10 }, ask))), new Set([1]));
      world.unlist({ service: 'users', slot: 1 });
      world.list({
        service: 'users',
        slot: 2,
        epoch: 1,
        address: world.address({ service: 'users', slot: 2 }),
      });
      assert.equal(await ask(), 2);
    });

    test(
      'who gives up leaves the line, and its watcher hears of a call that runs on',
      { timeout: 20_000 },
      async () => {
        await using world = new MeshWorld(makeTransport());
        const { opened, open } = gate();
        const watcher = witness();
        await world.serve({
          pool: watcher,
          callLimitMs: 60_000,
          actions: { hang: () => opened, quick: () => 1 },
        });
        const caller = world.caller();
        const abort = new AbortController();
        const hanging = caller.call('users', 'hang', {}, { signal: abort.signal });
        await until(() => watcher.told.length === 1);
        await assert.rejects(
          caller.call('users', 'quick', {}, { deadlineMs: 50 }),
          hasCode('CALL_TIMED_OUT'),
        );
        abort.abort();
        await assert.rejects(hanging, hasCode('CANCELLED'));
        await until(() => watcher.told.length === 2);
        open();
        assert.equal(await caller.call('users', 'quick', {}), 1);
        assert.deepEqual(watcher.told, ['began hang', 'unwanted', 'ended', 'began quick', 'ended']);
      },
    );

    test(
      'a call that was lost after its limit had been ended for it; it is not repeated',
      { timeout: 20_000 },
      async () => {
        await using world = new MeshWorld(makeTransport());
        let ran = 0;
        const lose = async (): Promise<void> => {
          ran += 1;
          await new Promise((done) => setTimeout(done, 60));
          world.list({
            service: 'users',
            slot: 1,
            epoch: 2,
            address: world.address({ service: 'users', slot: 9 }),
          });
          await new Promise(() => undefined);
        };
        await world.serve({ pool: witness(), callLimitMs: 50, idempotent: true, actions: { lose } });
        const call = world.caller().call('users', 'lose', {});
        await assert.rejects(call, hasCode('CALL_LIMIT_EXCEEDED', { limitMs: 50, action: 'users.lose' }));
        assert.equal(ran, 1);
      },
    );

    test(
      'ours is answered beside the call that runs, and a call to this very one hears that it is busy',
      { timeout: 20_000 },
      async () => {
        await using world = new MeshWorld(makeTransport());
        const { opened, open } = gate();
        const watcher = witness();
        await world.serve({
          ...{ pool: watcher, callLimitMs: 60_000 },
          actions: { hang: () => opened, $numbers: () => 'numbers', quick: () => 1 },
        });
        const caller = world.caller();
        const hanging = caller.call('users', 'hang', {});
        await until(() => watcher.told.length === 1);
        assert.equal(await caller.call('users', '$numbers', {}, { slot: 1 }), 'numbers');
        await assert.rejects(caller.call('users', 'quick', {}, { slot: 1 }), hasCode('INSTANCE_BUSY'));
        open();
        await hanging;
      },
    );
  });
