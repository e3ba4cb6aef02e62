import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSlot } from '../../../src/core/instance-state.ts';
import type { SlotState } from '../../../src/core/instance-state.ts';
import type { SlotRecord } from '../../../src/os/statistics-slots.ts';
import { Autoscaler } from '../../../src/processes/supervisor/autoscaler.ts';
import type { ServicePlan } from '../../../src/processes/supervisor/plan.ts';
import type { Sample } from '../../../src/processes/supervisor/watched-instance.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';

const plan = {
  ...{ name: 'users', replicas: 1, range: { min: 1, max: 4 } },
  health: { beat: 500, staleAfter: 3_000 },
} as ServicePlan;

/** A service whose instances are all as busy as `busy` says, and beat. */
class World {
  readonly clock = fakeClock();
  readonly slots: SlotState[] = [];
  readonly noted: string[] = [];
  readonly remembered: [string, number][] = [];
  readonly #samples = new Map<number, Sample[]>();
  readonly silent = new Set<number>();
  busy = 1;
  isRolling = false;
  byHand: number | undefined;
  scaler: Autoscaler;

  constructor(count: number, memos: Readonly<Record<string, unknown>> = { 'scale:users': count }) {
    for (let slot = 1; slot <= count; slot += 1) this.add(slot);
    this.scaler = new Autoscaler({
      clock: this.clock,
      plan: () => ({ services: new Map([['users', plan]]) }),
      overrides: { replicas: () => this.byHand, isStopped: () => false },
      slots: { of: () => this.slots },
      events: { note: ({ reason }) => this.noted.push(reason) },
      samples: ({ slot }) => this.#samples.get(slot) ?? [],
      isRolling: () => this.isRolling,
      isStopping: () => false,
      apply: () => undefined,
      memos,
      remember: (key, wanted) => this.remembered.push([key, wanted]),
    });
    this.scaler.start();
  }

  add(slot: number, change: Partial<SlotState> = {}): void {
    const ready = { state: 'ready', spawnedAt: this.clock.now(), readyAt: this.clock.now() } as const;
    this.slots.push({ ...newSlot('users', slot), epoch: 1, ...ready, ...change });
  }

  set(slot: number, change: Partial<SlotState>): void {
    const at = this.slots.findIndex((one) => one.slot === slot);
    this.slots[at] = { ...(this.slots[at] ?? newSlot('users', slot)), ...change };
  }

  seconds(count: number): void {
    for (let n = 0; n < count; n += 1) {
      for (const { slot } of this.slots) if (!this.silent.has(slot)) this.#beat(slot);
      this.clock.advance(1_000);
    }
  }

  #beat(slot: number): void {
    const at = this.clock.now() + 500;
    const record = { beatAt: at, utilisation: this.busy, fullness: 0, taken: 0, waitedMs: 0, rejected: 0 };
    const sample = {
      at,
      record: record as SlotRecord,
      cpuPercent: undefined,
      minuteAgo: record as SlotRecord,
    };
    this.#samples.set(slot, [...(this.#samples.get(slot) ?? []), sample].slice(-11));
  }
}

test('it looks at three seconds, decides once, says why, and is remembered', () => {
  const world = new World(2);
  world.seconds(2);
  assert.deepEqual(world.noted, []);
  world.seconds(1);
  assert.deepEqual(world.noted, ['from 2 to 4: event loops are 100 % busy']);
  assert.deepEqual(world.remembered, [['scale:users', 4]]);
  world.seconds(60);
  assert.equal(world.noted.length, 1, 'not while those that come are not there');
  assert.equal(world.scaler.count('users'), 4);
});

test('a newcomer, who is busy while it starts, has three seconds of its own before anything is decided', () => {
  const world = new World(1);
  world.seconds(3);
  world.add(2, { state: 'starting', readyAt: null });
  world.seconds(4);
  world.set(2, { state: 'ready', readyAt: world.clock.now() });
  world.seconds(2);
  assert.equal(world.scaler.count('users'), 2);
  world.seconds(1);
  assert.equal(world.scaler.count('users'), 4);
});

const holds: readonly (readonly [string, (world: World) => void])[] = [
  [
    'one is starting',
    (world) => {
      world.set(2, { state: 'starting' });
    },
  ],
  [
    'one has ended',
    (world) => {
      world.set(2, { state: 'backoff' });
    },
  ],
  [
    'one was given up',
    (world) => {
      world.set(2, { state: 'failed' });
    },
  ],
  [
    'one ends again and again',
    (world) => {
      world.set(2, { crashLoop: true });
    },
  ],
  [
    'one is about to go',
    (world) => {
      world.set(2, { state: 'draining' });
    },
  ],
  ['they are being replaced', (world) => (world.isRolling = true)],
  ['a person gave a number', (world) => (world.byHand = 2)],
  [
    'nobody beats',
    (world) => {
      world.silent.add(1).add(2);
    },
  ],
];
for (const [what, make] of holds)
  for (const busy of [0, 1])
    test(`nothing is decided while ${what}, ${busy === 1 ? 'busy' : 'idle'} as it is`, () => {
      const world = new World(2);
      world.busy = busy;
      make(world);
      world.seconds(200);
      assert.deepEqual([world.noted, world.scaler.count('users')], [[], 2]);
    });

test('of one that is silent nothing is known: the others can ask for more, and nobody goes', () => {
  const world = new World(2);
  world.busy = 0;
  world.seconds(5);
  world.silent.add(2);
  world.seconds(200);
  assert.equal(world.scaler.count('users'), 2);
  world.busy = 1;
  world.seconds(3);
  assert.equal(world.scaler.count('users'), 4);
});

test('a successor has the number, and a calm of its own; a new app has its fewest', () => {
  const world = new World(3);
  world.busy = 0.1;
  world.seconds(62);
  assert.equal(world.scaler.count('users'), 3);
  world.seconds(1);
  assert.deepEqual(world.noted, ['from 3 to 2: it was calm for 60 s, and the rest alone would be 15 % busy']);
  assert.equal(new World(1, {}).scaler.count('users'), 1);
  assert.equal(new World(1, { 'scale:users': 99 }).scaler.count('users'), 4);
});

test('at its most it says what asks for more, for as long as it is so', () => {
  const world = new World(4);
  world.seconds(3);
  assert.deepEqual(world.scaler.notes(), [
    'users has as many instances as it may (4), and asks for more: event loops are 100 % busy',
  ]);
  world.busy = 0.5;
  world.seconds(3);
  assert.deepEqual(world.scaler.notes(), []);
});
