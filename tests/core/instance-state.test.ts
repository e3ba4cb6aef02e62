import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasProcess, newSlot, reduceSlot } from '../../src/core/instance-state.ts';
import type {
  InstanceState,
  SlotCommand,
  SlotEvent,
  SlotState,
  Surroundings,
} from '../../src/core/instance-state.ts';

const surroundings: Surroundings = {
  now: 0,
  random: () => 0.5,
  restart: { minUptime: 5_000, startTimeout: 30_000, maxDelay: 30_000 },
  stop: { drainTimeout: 8_000, drainMax: 60_000, killAfter: 2_000 },
};

/** One slot through its life: each event with the time that has passed before it. */
class Life {
  slot = newSlot('users', 1);
  now = 1_000;
  commands: SlotCommand[] = [];
  readonly #around: Partial<Surroundings>;

  constructor(around: Partial<Surroundings> = {}) {
    this.#around = around;
  }

  then(event: SlotEvent, afterMs = 0): this {
    this.now += afterMs;
    const step = reduceSlot(this.slot, event, { ...surroundings, ...this.#around, now: this.now });
    this.slot = step.slot;
    this.commands = [...step.commands];
    return this;
  }

  started(): this {
    return this.then({ type: 'start' }).then({ type: 'go' });
  }
  ready(): this {
    return this.started().then(spawned).then({ type: 'opened' }, 200);
  }
  exit(code: number | null = 1, afterMs = 0): this {
    return this.then({ type: 'exited', epoch: this.slot.epoch, code, signal: null }, afterMs);
  }
  is(state: InstanceState, ...commands: SlotCommand[]): void {
    assert.equal(this.slot.state, state);
    assert.deepEqual(this.commands, commands);
  }
}

const spawned: SlotEvent = { type: 'spawned', pid: 100, processStart: 7 };
const stop: SlotEvent = { type: 'stop', reason: 'by hand' };
const restart: SlotEvent = { type: 'restart', reason: 'by hand' };
const timer: SlotEvent = { type: 'timer' };

test('a slot that is started is pending until it may go, then it is the next epoch', () => {
  const life = new Life().then({ type: 'start' });
  life.is('pending');
  life.then({ type: 'wait', reason: 'waits for users' }).is('pending');
  assert.equal(life.slot.reason, 'waits for users');
  life.then({ type: 'go' }).is('starting', 'spawn');
  assert.equal(life.slot.epoch, 1);
  assert.equal(life.slot.wakeAt, life.now + 30_000);
});

test('a process that is not ready in time is killed, and that counts', () => {
  const life = new Life().started().then(spawned).then(timer, 29_999);
  life.is('starting');
  life.then(timer, 1).is('stopping', 'kill');
  assert.match(life.slot.reason, /not ready within 30000 ms/);
  life.exit(null, 5).is('pending');
  assert.equal(life.slot.failures, 1);
});

test('the first crash is answered at once, the second after 250 ms, and only once that time has come', () => {
  const life = new Life().ready().exit();
  life.is('pending');
  life.then({ type: 'go' }).then(spawned).then({ type: 'opened' }).exit(0).is('backoff');
  assert.equal(life.slot.wakeAt, life.now + 250);
  life.then(timer, 249).is('backoff');
  life.then(timer, 1).is('pending');
  assert.deepEqual([life.slot.failures, life.slot.restarts], [2, 2]);
});

test('the fifth quick failure is a crash loop, and a long uptime ends it', () => {
  const life = new Life().started();
  for (let failure = 1; failure <= 5; failure += 1) {
    life.exit();
    if (failure < 5) life.then(timer, 60_000).then({ type: 'go' });
  }
  assert.deepEqual([life.slot.failures, life.slot.crashLoop], [5, true]);
  life.then(timer, 60_000).then({ type: 'go' }).then({ type: 'opened' }).exit(1, 5_000).is('pending');
  assert.deepEqual([life.slot.failures, life.slot.crashLoop], [1, false]);
});

test('with maxRestarts 3 the fourth failure is the last, and a start begins anew', () => {
  const life = new Life({ restart: { ...surroundings.restart, maxRestarts: 3 } }).started();
  for (let failure = 1; failure < 4; failure += 1) life.exit().then(timer, 60_000).then({ type: 'go' });
  assert.equal(life.slot.epoch, 4);
  life.exit().is('failed');
  assert.match(life.slot.reason, /gave up after 3 restarts/);
  life.then({ type: 'start' }).is('pending');
  assert.equal(life.slot.failures, 0);
});

test('code 78 is never tried again', () => {
  const life = new Life().started().exit(78);
  life.is('failed');
  assert.match(life.slot.reason, /exited with code 78; it refused its configuration/);
  life.then(timer, 100_000).is('failed');
});

test('a stop drains, then asks, then kills every 100 ms until the group is empty', () => {
  const life = new Life().ready().then(stop);
  life.is('draining', 'drain');
  life.then(timer, 8_000).is('stopping', 'term');
  life.then(timer, 2_000).is('stopping', 'kill');
  life.then(timer, 100).is('stopping', 'kill');
  life.exit(null, 100).is('stopped');
  assert.deepEqual([life.slot.pid, life.slot.wakeAt, life.slot.failures], [null, null, 0]);
});

test('extend moves the end of the drain and the kill after it, never nearer, and not beyond drainMax', () => {
  const life = new Life().ready().then({ type: 'extend', ms: 60_000 });
  assert.equal(life.slot.wakeAt, null, 'nobody has asked it to end');
  const began = life.then(stop).now;
  assert.equal(life.slot.wakeAt, began + 8_000);
  life.then({ type: 'extend', ms: 1_000 }, 1_000);
  assert.equal(life.slot.wakeAt, began + 8_000, 'never nearer');
  life.then({ type: 'extend', ms: 20_000 }, 4_000);
  assert.equal(life.slot.wakeAt, began + 25_000);
  life.then({ type: 'extend', ms: 1e9 }, 1_000);
  assert.equal(life.slot.wakeAt, began + 60_000);
  life.then(timer, 54_000).is('stopping', 'term');
  life.then(timer, 2_000).is('stopping', 'kill');
});

test('once ready for minUptime it is no crash loop any more, and its failures are forgotten', () => {
  const life = new Life();
  for (let nth = 1; nth <= 5; nth += 1) life.started().then(spawned).exit(1).then(timer, 60_000);
  assert.equal(life.slot.crashLoop, true);
  life.then({ type: 'go' }).then(spawned).then({ type: 'opened' });
  assert.equal(life.slot.crashLoop, true, 'not yet');
  life.then(timer, 5_000).is('ready');
  assert.deepEqual([life.slot.crashLoop, life.slot.failures, life.slot.wakeAt], [false, 0, null]);
});

test('a stop while the spawn is under way ends the process as soon as it has a pid', () => {
  const life = new Life().started().then(stop);
  life.is('stopping', 'term');
  life.then(spawned).is('stopping', 'term');
  life.exit(143).is('stopped');
});

for (const [when, life] of [
  ['pending', new Life().then({ type: 'start' })],
  ['backoff', new Life().started().exit().then({ type: 'go' }).exit()],
  ['failed', new Life().started().exit(78)],
] as const) {
  test(`a stop in ${when} is a stop, and nothing wakes it`, () => {
    life.then(stop).is('stopped');
    assert.equal(life.slot.wakeAt, null);
    life.then(timer, 100_000).then({ type: 'go' }).is('stopped');
  });
}

test('a stop beats a restart, whichever came first', () => {
  new Life().ready().then(restart).then(stop).exit(0).is('stopped');
  new Life().ready().then(stop).then(restart).exit(0).is('stopped');
});

test('a start that comes during a stop takes place after it', () => {
  new Life().ready().then(stop).then({ type: 'start' }).exit(0).is('pending');
});

test('a restart that was asked for costs no failure', () => {
  const life = new Life().ready().then(restart).exit(0);
  life.is('pending');
  assert.deepEqual([life.slot.failures, life.slot.restarts], [0, 0]);
});

test('a kill for a call that ran too long costs no failure either, and a stop that was asked for stays one', () => {
  const kill: SlotEvent = { type: 'kill', reason: 'ran too long', then: 'restart' };
  const life = new Life().ready().then(kill);
  life.is('stopping', 'kill');
  life.exit(null).is('pending');
  assert.deepEqual([life.slot.failures, life.slot.restarts, life.slot.reason], [0, 0, 'ran too long']);
  new Life().ready().then(stop).then(kill).exit(null).is('stopped');
  const hung = new Life().ready().then({ type: 'kill', reason: 'hung' }).exit(null);
  assert.deepEqual([hung.slot.failures, hung.slot.restarts], [1, 1]);
});

test('stop-now kills whatever it was doing', () => {
  const now: SlotEvent = { type: 'stop-now', reason: 'second Ctrl-C' };
  new Life().ready().then(now).is('stopping', 'kill');
  new Life().ready().then(stop).then(now).is('stopping', 'kill');
  new Life().started().then(now).exit(null).is('stopped');
  new Life().then({ type: 'start' }).then(now).is('stopped');
});

test('unfit and fit take it out of the traffic and back, and nothing else', () => {
  const life = new Life().ready().then({ type: 'unfit', reason: 'busy' });
  life.is('unready');
  life.then({ type: 'unfit', reason: 'paused' }).is('unready');
  assert.equal(life.slot.reason, 'paused');
  life.then({ type: 'fit' }).is('ready');
  life.then(stop).then({ type: 'unfit', reason: 'busy' }).is('draining');
});

test('the exit of an earlier epoch says nothing about this one', () => {
  const life = new Life().ready();
  life.then({ type: 'exited', epoch: 0, code: 1, signal: null }).is('ready');
});

test('what ended it is told with its last words; what was asked for stays the reason', () => {
  const crash = { type: 'exited', epoch: 1, code: null, signal: 'SIGSEGV' } as const;
  assert.equal(new Life().ready().then(crash).slot.reason, 'killed by SIGSEGV');
  const words = new Life().ready().then({ ...crash, code: 1, signal: null, words: 'no database' });
  assert.equal(words.slot.reason, 'no database (exited with code 1)');
  assert.equal(new Life().ready().then(stop).then(crash).slot.reason, 'by hand');
});

test('a spawn error that time mends waits, another fails', () => {
  const failed = (code: string): SlotEvent => ({ type: 'spawn-failed', code, message: code });
  new Life().started().then(failed('ENOENT')).is('failed');
  new Life().started().then(failed('EAGAIN')).is('pending');
  new Life().started().then(failed('EAGAIN')).then({ type: 'go' }).then(failed('EMFILE')).is('backoff');
  new Life().started().then(stop).then(failed('EAGAIN')).is('stopped');
});

test('a successor that finds no process of a ready slot forgets its pid', () => {
  const life = new Life().ready().then({ type: 'spawn-failed', code: 'EAGAIN', message: 'gone' });
  life.is('pending');
  assert.deepEqual([life.slot.pid, life.slot.processStart, life.slot.readyAt], [null, null, null]);
});

test('an answer about a spawn that nobody waits for changes nothing', () => {
  const late: SlotEvent[] = [
    { type: 'spawn-failed', code: 'EAGAIN', message: 'late' },
    spawned,
    { type: 'opened' },
  ];
  for (const event of late) {
    const { slot } = new Life().ready().then(stop).exit(0);
    assert.equal(reduceSlot(slot, event, surroundings).slot, slot);
  }
});

const eventArbitrary: fc.Arbitrary<SlotEvent> = fc.oneof(
  ...(['start', 'go', 'opened', 'fit', 'timer'] as const).map((type) => fc.constant({ type })),
  ...(['stop', 'stop-now', 'restart', 'kill', 'unfit', 'wait'] as const).map((type) =>
    fc.constant({ type, reason: type }),
  ),
  fc.constant(spawned),
  fc.constantFrom('EAGAIN', 'ENOENT').map((code) => ({ type: 'spawn-failed', code, message: code }) as const),
  fc.record({
    type: fc.constant('exited' as const),
    /** 0: of the process that runs; more: of one before it. */
    epoch: fc.constantFrom(0, 0, 0, 1),
    code: fc.constantFrom(0, 1, 78, null),
    signal: fc.constant(null),
  }),
);
const storyArbitrary = fc.array(fc.tuple(eventArbitrary, fc.constantFrom(0, 50, 300, 2_500, 9_000, 40_000)), {
  maxLength: 60,
});

/** Tells a random story; `look` sees every step. */
function checkStories(look: (before: SlotState, after: SlotState, step: Step) => void): void {
  fc.assert(
    fc.property(storyArbitrary, fc.option(fc.nat(5)), (story, maxRestarts) => {
      let slot = newSlot('users', 1);
      let now = 0;
      for (const [drawn, afterMs] of story) {
        now += afterMs;
        const event = drawn.type === 'exited' ? { ...drawn, epoch: slot.epoch - drawn.epoch } : drawn;
        const restart = { ...surroundings.restart, maxRestarts: maxRestarts ?? undefined };
        const { slot: after, commands } = reduceSlot(slot, event, { ...surroundings, restart, now });
        look(slot, after, { event, commands, now });
        slot = after;
      }
    }),
    { numRuns: 1_000 },
  );
}

interface Step {
  readonly event: SlotEvent;
  readonly commands: readonly SlotCommand[];
  readonly now: number;
}

/** Edges of the graph, by state; to itself is always allowed. */
const edges: Readonly<Record<InstanceState, readonly InstanceState[]>> = {
  pending: ['starting', 'stopped'],
  starting: ['ready', 'stopping', 'pending', 'backoff', 'failed'],
  ready: ['unready', 'draining', 'stopping', 'pending', 'backoff', 'failed'],
  unready: ['ready', 'draining', 'stopping', 'pending', 'backoff', 'failed'],
  draining: ['stopping', 'stopped', 'pending'],
  stopping: ['stopped', 'pending', 'backoff', 'failed'],
  backoff: ['pending', 'stopped'],
  failed: ['pending', 'stopped'],
  stopped: ['pending'],
};

test('every transition follows an edge of the graph (C4)', () => {
  checkStories((before, after) => {
    assert.ok(
      before.state === after.state || edges[before.state].includes(after.state),
      `${before.state} -> ${after.state}`,
    );
  });
});

test('there are never two processes in one slot, and epochs only grow, one at a spawn', () => {
  checkStories((before, after, { commands }) => {
    const spawns = commands.filter((command) => command === 'spawn').length;
    assert.equal(after.epoch, before.epoch + spawns);
    if (spawns > 0) assert.ok(!hasProcess(before) && hasProcess(after));
    if (hasProcess(before) && !hasProcess(after))
      assert.deepEqual([after.pid, after.processStart], [null, null]);
  });
});

test('a process is where a state says there is one, and nowhere else', () => {
  const living: readonly InstanceState[] = ['starting', 'ready', 'unready', 'draining', 'stopping'];
  checkStories((_before, after) => {
    assert.equal(hasProcess(after), living.includes(after.state), after.state);
  });
});

test('only commands that fit the state are given', () => {
  checkStories((before, after, { commands }) => {
    assert.ok(commands.length <= 1);
    for (const command of commands) {
      const wanted = { spawn: 'starting', drain: 'draining', term: 'stopping', kill: 'stopping' } as const;
      assert.equal(after.state, wanted[command]);
      if (command === 'spawn') assert.equal(before.state, 'pending');
    }
  });
});

test('wherever time alone goes on, the slot says when', () => {
  checkStories((_before, after, { now }) => {
    const waits = ['starting', 'backoff', 'draining', 'stopping'].includes(after.state);
    // One that is ready may wait for its failures to be forgotten.
    const mayWait = after.failures > 0 && (after.state === 'ready' || after.state === 'unready');
    if (!mayWait) assert.equal(after.wakeAt !== null, waits, after.state);
    if (after.wakeAt !== null && after.state === 'backoff') assert.ok(after.wakeAt <= now + 36_000);
  });
});

test('after a stop nothing is spawned until somebody asks for it', () => {
  let isWanted = false;
  checkStories((before, _after, { event, commands }) => {
    if (before.epoch === 0 && before.state === 'stopped') isWanted = false;
    if (event.type === 'start' || event.type === 'restart') isWanted = true;
    if (event.type === 'stop' || event.type === 'stop-now') isWanted = false;
    if (commands.includes('spawn')) assert.ok(isWanted);
  });
});

test('an asked stop ends in stopped, however the process ends and whatever else happens but a start', () => {
  const noise = eventArbitrary.filter(({ type }) => type !== 'start' && type !== 'restart');
  fc.assert(
    fc.property(fc.array(noise, { maxLength: 30 }), (events) => {
      const life = new Life().ready().then(stop);
      for (const event of events) life.then(event, 100);
      if (hasProcess(life.slot)) life.exit(null);
      assert.equal(life.slot.state, 'stopped');
    }),
  );
});
