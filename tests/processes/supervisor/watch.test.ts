import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { newSlot } from '../../../src/core/instance-state.ts';
import type { SlotEvent, SlotState } from '../../../src/core/instance-state.ts';
import type { Clock } from '../../../src/core/ports.ts';
import { groupCpuTicks, readProcess } from '../../../src/os/proc.ts';
import { SlotWriter } from '../../../src/os/statistics-slots.ts';
import { Watch } from '../../../src/processes/supervisor/watch.ts';
import { TemporaryFolder } from '../../os/temporary-folder.ts';

const policy = { staleAfter: 3_000, heartbeatTimeout: 10_000, busyAfter: 60_000 };

/** Fires one timer when the test says so, as late as it says: a supervisor that is held up. */
class HeldClock implements Clock {
  time = 1_000_000;
  #fire: (() => void) | undefined;

  now(): number {
    return this.time;
  }
  wall(): number {
    return this.time;
  }
  after(_delayMs: number, fire: () => void): { cancel: () => void } {
    this.#fire = fire;
    return { cancel: () => (this.#fire = undefined) };
  }
  tick(afterMs = 500): void {
    this.time += afterMs;
    this.#fire?.();
  }
}

interface WorldOptions {
  readonly pid?: number;
  readonly isSuccessor?: boolean;
  readonly memoryMax?: number;
}

/** A watch of one instance, `users#1@1`, whose record the test writes and whose process it chooses. */
class World implements Disposable {
  readonly clock = new HeldClock();
  readonly events: SlotEvent[] = [];
  readonly stalls: number[] = [];
  readonly overs: Readonly<Record<string, unknown>>[] = [];
  readonly watch: Watch;
  slot: SlotState;
  rssBytes = 1;
  readonly #folder = new TemporaryFolder();
  readonly #writer: SlotWriter;

  constructor({ pid = process.pid, memoryMax }: WorldOptions = {}) {
    const path = join(this.#folder.path, 'statistics');
    const processStart = readProcess(pid)?.startTime ?? 0;
    const at = this.clock.now();
    this.slot = {
      ...newSlot('users', 1),
      state: 'ready',
      epoch: 1,
      pid,
      processStart,
      spawnedAt: at,
      readyAt: at,
    };
    this.watch = new Watch({
      ...{ path, clock: this.clock, isSuccessor: false, policy: () => policy, memoryMax: () => memoryMax },
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      slots: () => [this.slot],
      dispatch: (_id, event) => {
        this.events.push(event);
        const reason = 'reason' in event ? event.reason : 'ready again';
        this.slot = { ...this.slot, state: event.type === 'fit' ? 'ready' : 'unready', reason };
      },
      onOverMemory: (_slot, evidence) => this.overs.push(evidence),
      onStalled: (lateMs) => this.stalls.push(lateMs),
    });
    this.#writer = new SlotWriter(path, this.watch.indexOf('users#1'));
  }

  /** @param by whom; the one that runs, unless said. */
  beat({ epoch, pid }: Pick<SlotState, 'epoch' | 'pid'> = this.slot): void {
    const none = {
      startTime: 0,
      loopDelayP99Ms: 0,
      loopDelayMaxMs: 0,
      utilisation: 0,
      heapBytes: 0,
      flags: 0,
      ...{ fullness: 0, taken: 0, waitedMs: 0, rejected: 0, calls: 0, retries: 0 },
    };
    const noCall = { poolCalls: 0, callAction: 0, callEndsBy: 0, callUnwanted: 0, callNumber: 0 };
    const counts = { inFlight: 0, queued: 0, requests: 0, errors: 0, latency: [], ...noCall };
    const { rssBytes } = this;
    this.#writer.write({ ...none, ...counts, epoch, pid: pid ?? 0, beatAt: this.clock.now(), rssBytes });
  }

  /** Looks for so long, each with a beat before it or not. */
  look(ms: number, beats = false): void {
    const until = this.clock.now() + ms;
    while (this.clock.now() < until) {
      if (beats) this.beat();
      this.clock.tick();
    }
  }

  get told(): string[] {
    return this.events.map((event) =>
      'evidence' in event ? `${event.type} ${String(event.evidence['verdict'])}` : event.type,
    );
  }

  [Symbol.dispose](): void {
    this.watch.close();
    this.#writer.close();
    this.#folder[Symbol.dispose]();
  }
}

/** A child that is in state T: what a silent one in the table is, without a wait. */
async function stoppedChild(): Promise<{ readonly pid: number } & Disposable> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
    stdio: 'pipe',
  });
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  const pid = child.pid ?? 0;
  while (readProcess(pid)?.state !== 'T') await new Promise(setImmediate);
  return {
    pid,
    [Symbol.dispose]: () => {
      child.kill('SIGKILL');
    },
  };
}

test('one that stops beating is unready, then killed, with the evidence; a beat in between takes it back', async () => {
  using child = await stoppedChild();
  using world = new World(child);
  world.beat();
  world.look(5_000);
  assert.deepEqual(world.told, ['unfit paused']);
  world.look(1_000, true);
  assert.deepEqual(world.told, ['unfit paused', 'fit']);
  world.look(11_500);
  assert.deepEqual(world.told.slice(0, 4), ['unfit paused', 'fit', 'unfit paused', 'kill hung']);
  const kill = world.events[3];
  assert.ok(kill?.type === 'kill' && Number(kill.evidence?.['silentMs']) <= 11_000);
  assert.equal(kill.evidence?.['processState'], 'T');
});

test('what another epoch or another process writes into the record is no beat, however fresh', async () => {
  using child = await stoppedChild();
  for (const other of [{ epoch: 1 }, { pid: process.pid }]) {
    using world = new World(child);
    world.slot = { ...world.slot, epoch: 2 };
    for (let look = 0; look < 23; look += 1) {
      world.beat({ ...world.slot, ...other });
      world.clock.tick();
    }
    assert.deepEqual(world.told.slice(0, 2), ['unfit paused', 'kill hung']);
  }
});

test('one that starts or ends is not judged here', () => {
  for (const state of ['starting', 'draining', 'stopping'] as const) {
    using world = new World();
    world.slot = { ...world.slot, state };
    world.look(80_000);
    assert.deepEqual(world.told, [], state);
  }
});

test('a supervisor that was held up for 30 s kills nobody on waking, neither who beat nor who could not', () => {
  for (const beats of [true, false]) {
    using world = new World();
    world.look(5_000, true);
    world.clock.time += 29_500;
    if (beats) world.beat();
    world.clock.tick();
    assert.deepEqual(world.stalls, [29_500]);
    world.look(1_000);
    world.look(2_000, true);
    assert.deepEqual(world.told, []);
  }
});

test('late at every look: who is stopped is ended all the same, and the stall is told every ten seconds', async () => {
  using child = await stoppedChild();
  using world = new World(child);
  world.beat();
  for (let look = 0; look < 24; look += 1) world.clock.tick(2_500);
  assert.deepEqual(world.told.slice(0, 2), ['unfit paused', 'kill hung']);
  assert.equal(world.stalls.length, 6);
  assert.equal(
    world.stalls.reduce((sum, ms) => sum + ms, 0),
    21 * 2_000,
  );
});

test('a fresh instance is read from /proc every 2 s, after 20 fresh beats every 10 s, and status still has its CPU time', () => {
  using world = new World();
  const seen = new Set<number | undefined>();
  const burn = (looks: number): number => {
    seen.clear();
    for (let look = 0; look < looks; look += 1) {
      // More each time, so that each reading of /proc gives another number.
      const until = process.cpuUsage().user + 6_000 + look * 600;
      while (process.cpuUsage().user < until);
      world.look(500, true);
      seen.add(world.watch.samples(world.slot).at(-1)?.cpuPercent);
    }
    return seen.size;
  };
  const early = burn(18);
  assert.ok(early >= 3 && early <= 6, String(early));
  burn(4);
  const late = burn(40);
  assert.ok(late >= 1 && late <= 4, String(late));
  assert.ok((world.watch.samples(world.slot).at(-1)?.cpuPercent ?? 0) > 1);
});

test('memory beyond the limit is told once per process, with what it rests on', () => {
  using world = new World({ memoryMax: 100 });
  world.rssBytes = 101;
  world.look(2_000, true);
  assert.equal(world.overs.length, 0);
  world.look(10_000, true);
  assert.deepEqual(world.overs, [{ rssBytes: 101, heapBytes: 0, maxBytes: 100, samples: 3 }]);
  world.slot = { ...world.slot, epoch: 2 };
  world.look(5_000, true);
  assert.equal(world.overs.length, 2);
});

test('a process that waits for its child works: the CPU time of the group advances', async () => {
  const script = `require('child_process').execFileSync(process.execPath, ['-e', 'for (;;);'])`;
  const parent = spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore' });
  const pid = parent.pid ?? 0;
  try {
    const limit = AbortSignal.timeout(20_000);
    for (let first = Infinity, own = 0; ;) {
      limit.throwIfAborted();
      const leader = readProcess(pid);
      assert.ok(leader !== undefined);
      const ticks = groupCpuTicks(leader);
      if (leader.state === 'S' && leader.cpuTicks === own) first = Math.min(first, ticks);
      else first = Infinity;
      own = leader.cpuTicks;
      if (ticks > first + 5) break;
      await new Promise((done) => setTimeout(done, 20));
    }
  } finally {
    process.kill(-pid, 'SIGKILL');
  }
});
