import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Avoided } from '../../../src/core/avoided.ts';
import { bounds } from '../../../src/core/bounds.ts';
import type { AppEvent } from '../../../src/core/events.ts';
import { newSlot } from '../../../src/core/instance-state.ts';
import type { SlotState } from '../../../src/core/instance-state.ts';
import { AvoidedTable } from '../../../src/processes/supervisor/avoided-table.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';

const breaker: Avoided = {
  ...{
    kind: 'breaker',
    instance: 'users#1@1',
    action: 'get',
    failures: 5,
    last: 'INSTANCE_LOST',
    probeAt: 1_000,
  },
};

class World {
  readonly clock = fakeClock();
  readonly slots = new Map<string, SlotState>();
  readonly noted: AppEvent[] = [];
  table: AvoidedTable;

  constructor(...ids: string[]) {
    for (const id of ids) this.run(id);
    this.table = this.successor();
  }

  run(id: string, epoch = 1): void {
    const [service = '', slot = ''] = id.split('#');
    this.slots.set(id, { ...newSlot(service, Number(slot)), epoch, state: 'ready', spawnedAt: 0 });
  }

  successor(): AvoidedTable {
    const { clock, slots, noted } = this;
    this.table = new AvoidedTable({
      clock,
      slots: { get: (id) => slots.get(id) },
      events: {
        note: ({ evidence = {}, ...event }) =>
          noted.push({ type: 'app', seq: 0, time: 0, evidence, ...event }),
        after: () => ({ events: noted, oldest: 0, last: 0 }),
      },
    });
    return this.table;
  }

  get names(): string[] {
    return this.noted.map(({ name }) => name);
  }
}

test('its beginning and its end are an event each, however often it is told', () => {
  const world = new World('users#1', 'orders#1');
  world.table.hear('orders#1', [breaker]);
  world.table.hear('orders#1', [{ ...breaker, probeAt: 2_000 }]);
  assert.equal(world.table.list().length, 1);
  world.table.hear('orders#1', []);
  world.table.hear('orders#1', []);
  assert.deepEqual(world.table.list(), []);
  assert.deepEqual(world.names, ['breaker:opened', 'breaker:closed']);
  assert.deepEqual(
    world.noted.map(({ service }) => service),
    ['users', 'users'],
  );
});

test('it is forgotten when either of the two is gone, and no end is told', () => {
  for (const gone of ['users#1', 'orders#1']) {
    const world = new World('users#1', 'orders#1');
    world.table.hear('orders#1', [breaker]);
    world.run(gone, 2);
    assert.deepEqual(world.table.list(), [], 'also before anybody says so');
    world.table.gone(`${gone}@1`);
    world.table.hear('orders#1', []);
    assert.deepEqual(world.names, ['breaker:opened']);
  }
});

test('what is said of who is not there is no news', () => {
  const world = new World('users#1', 'orders#1');
  world.table.hear('orders#1', [
    { ...breaker, instance: 'users#1@7' },
    { ...breaker, instance: 'nobody#1@1' },
  ]);
  assert.deepEqual([world.table.list(), world.names], [[], []]);
});

test('a successor does not tell it again, and tells its end', () => {
  const world = new World('users#1', 'orders#1');
  world.table.hear('orders#1', [breaker]);
  world.successor().hear('orders#1', [breaker]);
  assert.deepEqual(world.names, ['breaker:opened']);
  assert.equal(world.table.list().length, 1);
  world.successor().hear('orders#1', []);
  assert.deepEqual(world.names, ['breaker:opened', 'breaker:closed']);
});

test('a hundred callers of one that fails do not fill the log', () => {
  const callers = Array.from({ length: 100 }, (_, n) => `orders#${String(n + 1)}`);
  const world = new World('users#1', 'users#2', ...callers);
  for (const caller of callers) world.table.hear(caller, [breaker]);
  assert.equal(world.noted.length, bounds.avoidedEvents);
  assert.equal(world.table.list().length, 100);
  world.clock.advance(10_000);
  world.table.hear('orders#1', [breaker, { ...breaker, instance: 'users#2@1' }]);
  assert.match(world.noted.at(-1)?.reason ?? '', / \(80 more like this were not told\)$/);
});

test('what is kept is bounded', () => {
  const world = new World('users#1', ...Array.from({ length: 50 }, (_, n) => `orders#${String(n + 1)}`));
  const list = Array.from({ length: bounds.avoidedTold }, (_, n) => ({
    ...breaker,
    action: `a${String(n)}`,
  }));
  for (let n = 1; n <= 50; n += 1) world.table.hear(`orders#${String(n)}`, list);
  assert.equal(world.table.list().length, bounds.avoidedKept);
});
