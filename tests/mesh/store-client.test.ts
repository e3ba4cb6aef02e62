import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as aTurn } from 'node:timers/promises';
import type { ErrorCode } from '../../src/core/errors.ts';
import { TuttiError } from '../../src/core/errors.ts';
import { readChange } from '../../src/mesh/store-change.ts';
import { makeStoreClient } from '../../src/mesh/store-client.ts';
import type { StoreClient } from '../../src/mesh/store-client.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';

interface Asked {
  readonly at: number;
  readonly action: string;
  readonly ask: { readonly origin?: string; readonly number?: number };
  readonly withinMs: number;
}

/** A store that answers as it is told, and time that passes as fast as it is waited for. */
class ClientWorld {
  readonly clock = fakeClock();
  readonly asked: Asked[] = [];
  /** Of the next tries, in order; then it answers well. */
  readonly errors: Error[] = [];
  readonly client: StoreClient = this.another();

  another(random: () => number = Math.random): StoreClient {
    return makeStoreClient({
      clock: this.clock,
      random,
      call: (action, ask, { deadlineMs: withinMs }) => {
        const read = action === 'mutate' ? readChange(ask) : ask;
        this.asked.push({ at: this.clock.now(), action, ask: read, withinMs });
        const error = this.errors.shift();
        return error === undefined ? Promise.resolve('done') : Promise.reject(error);
      },
    });
  }

  async settled<T>(promise: Promise<T>): Promise<T> {
    const over = new AbortController();
    const end = (): void => {
      over.abort();
    };
    promise.then(end, end);
    while (!over.signal.aborted) {
      await aTurn();
      this.clock.advance(1);
    }
    return promise;
  }
}

const change = { area: 'state', name: 'put', input: {} };
const passing: ErrorCode[] = [
  'NO_INSTANCE',
  'INSTANCE_LOST',
  'CONNECTION_REFUSED',
  'STOPPING',
  'OVERLOADED',
  'CIRCUIT_OPEN',
  'STORE_CLOSED',
  'STORE_UNREACHABLE',
];

for (const code of passing)
  test(`${code} is asked again, as the same change`, async () => {
    const world = new ClientWorld();
    world.errors.push(new TuttiError(code), new TuttiError(code));
    assert.equal(await world.settled(world.client.mutate(change)), 'done');
    assert.equal(world.asked.length, 3);
    const [first, ...again] = world.asked.map(({ ask }) => ask);
    for (const ask of again) assert.deepEqual(ask, first);
  });

test('what is full is told at once: it stays so until somebody takes something out of it', async () => {
  const world = new ClientWorld();
  world.errors.push(new TuttiError('OVERLOADED', { what: 'The queue mail', isFull: true }));
  const refused = world.settled(world.client.mutate(change));
  await assert.rejects(refused, { code: 'OVERLOADED', message: /^The queue mail has/ });
  assert.equal(world.asked.length, 1);
});

test('each change has its number, and each client an origin of its own', async () => {
  const world = new ClientWorld();
  for (const client of [world.client, world.client, world.another()]) await client.mutate(change);
  const [one, two, other] = world.asked.map(({ ask }) => ask);
  assert.deepEqual([one?.number, two?.number, other?.number], [1, 2, 1]);
  assert.equal(one?.origin, two?.origin);
  assert.notEqual(one?.origin, other?.origin);
});

for (const code of ['INVALID_INPUT', 'STORE_FULL', 'STORE_READ_ONLY', 'STORE_CORRUPT', 'CONFLICT'] as const)
  test(`${code} is the answer, at once`, async () => {
    const world = new ClientWorld();
    world.errors.push(new TuttiError(code));
    await assert.rejects(world.client.mutate(change), { code });
    assert.equal(world.asked.length, 1);
  });

test('it waits longer from try to try, by chance, and not beyond its time', async () => {
  const world = new ClientWorld();
  world.errors.push(...Array.from({ length: 50 }, () => new TuttiError('NO_INSTANCE')));
  const asking = world.another(() => 1).query({ area: 'state', name: 'get' }, 2_000);
  await assert.rejects(world.settled(asking), { code: 'STORE_UNREACHABLE', retryable: true });
  const times = world.asked.map(({ at }) => at);
  assert.deepEqual(times, [0, 20, 60, 140, 300, 620, 1_120, 1_620]);
  assert.deepEqual(
    world.asked.map(({ withinMs, at }) => withinMs + at),
    times.map(() => 2_000),
  );
});

test('no answer in time is STORE_UNREACHABLE, with the time that it had: what became of it is not known', async () => {
  const clock = fakeClock();
  const client = makeStoreClient({
    clock,
    random: Math.random,
    call: () => {
      // The call it is part of had no more.
      clock.advance(700);
      return Promise.reject(new TuttiError('CALL_TIMED_OUT'));
    },
  });
  await assert.rejects(client.mutate(change, 1_000), {
    code: 'STORE_UNREACHABLE',
    message: 'The store cannot be reached: no answer within 700 ms',
  });
});

test('a bug is no passing trouble', async () => {
  const world = new ClientWorld();
  world.errors.push(new TypeError('a bug'));
  await assert.rejects(world.client.mutate(change), TypeError);
});
