/** What an instance remembers of the jobs that it runs and has run, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TuttiError } from '../../src/core/errors.ts';
import { JobRuns } from '../../src/host/job-runs.ts';
import type { RunDeeds, RunWatcher } from '../../src/host/job-runs.ts';
import type { HowJobWent } from '../../src/mesh/kept-job.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { setBound, turns } from '../stores/store-folder.ts';

const run = (seq: number): { seq: number; run: number } => ({ seq, run: 1 });
const never = new AbortController().signal;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

class World {
  readonly clock = fakeClock();
  readonly runs = new JobRuns(this.clock);
  readonly told: unknown[] = [];

  async end(seq: number, result = '1'): Promise<void> {
    await this.runs.take(
      run(seq),
      never,
      this.deeds(() => Promise.resolve({ result })),
    );
    await turns(1);
  }

  deeds(begin: RunDeeds['begin']): RunDeeds {
    return {
      begin,
      tell: (_run, went) => {
        this.told.push(went);
        return Promise.resolve();
      },
    };
  }

  held(): number[] {
    return this.runs.held().map(({ seq }) => seq);
  }
}

test('the last ends are kept: so many, so large, so long; beyond that the oldest goes', async (context: TestContext) => {
  setBound(context, 'jobEnds', 3);
  setBound(context, 'jobEndBytes', 10);
  setBound(context, 'jobEndMs', 1_000);
  const world = new World();
  for (const seq of [1, 2, 3, 4]) await world.end(seq);
  assert.deepEqual(world.held(), [2, 3, 4]);
  await world.end(5, 'x'.repeat(9));
  assert.deepEqual(world.held(), [4, 5]);
  world.clock.advance(1_000);
  await world.end(6);
  assert.deepEqual(world.held(), [6]);
});

test('a run is begun once, whoever asks for it, and one that has ended tells how it went', async () => {
  const world = new World();
  const { runs } = world;
  const { promise, resolve } = Promise.withResolvers<HowJobWent>();
  let begun = 0;
  const begin = (): Promise<HowJobWent> => {
    begun += 1;
    return promise;
  };
  const both = [runs.take(run(1), never, world.deeds(begin)), runs.take(run(1), never, world.deeds(begin))];
  resolve({ result: '7' });
  assert.deepEqual(await Promise.all(both), [{ result: '7' }, { result: '7' }]);
  assert.deepEqual(await runs.take(run(1), never, world.deeds(begin)), { result: '7' });
  assert.equal(begun, 1);
});

test('a call that is taken back ends no run; its time, a cancellation and a lost lease do', async () => {
  const world = new World();
  const { runs } = world;
  const take = (seq: number, call: AbortController): AbortSignal => {
    let of = never;
    const taken = runs.take(
      run(seq),
      call.signal,
      world.deeds((signal) => {
        of = signal;
        return new Promise(() => undefined);
      }),
    );
    taken.catch(() => undefined);
    return of;
  };
  const calls = [1, 2, 3].map(() => new AbortController());
  const signals = calls.map((call, index) => take(index + 1, call));
  calls[0]?.abort(new TuttiError('CANCELLED'));
  calls[1]?.abort(new TuttiError('CALL_TIMED_OUT'));
  runs.abort(run(3), new TuttiError('LEASE_LOST', { job: '3' }));
  await turns(1);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, true, true],
  );
});

test('a run with a limit is told before it begins and when it ends, and is aborted at its time, whatever becomes of its caller', async () => {
  const clock = fakeClock();
  const told: unknown[] = [];
  const watcher: RunWatcher = {
    began: ({ seq, queue }, limitMs) => told.push(['began', seq, queue, limitMs]),
    aborting: ({ seq }, why) => told.push(['aborting', seq, why]),
    ended: ({ seq }) => told.push(['ended', seq]),
  };
  const runs = new JobRuns(clock, watcher);
  const error = new TuttiError('CALL_TIMED_OUT');
  const ends: (() => void)[] = [];
  const deeds: RunDeeds = {
    begin: (signal) => {
      told.push('handler');
      signal.addEventListener('abort', () => told.push('signal'));
      return new Promise((resolve) => {
        ends.push(() => {
          resolve({ result: '1' });
        });
      });
    },
    tell: () => Promise.resolve(),
    limit: { queue: 'work', ms: 500, error },
  };
  const call = new AbortController();
  runs.take(run(1), call.signal, deeds).catch(() => undefined);
  call.abort(new TuttiError('CANCELLED'));
  clock.advance(499);
  assert.deepEqual(told, [['began', 1, 'work', 500], 'handler']);
  clock.advance(1);
  assert.deepEqual(told.splice(2), [['aborting', 1, 'timeout'], 'signal']);
  runs.take(run(2), never, deeds).catch(() => undefined);
  runs.abort(run(2), new TuttiError('CANCELLED'));
  runs.abort(run(2), new TuttiError('LEASE_LOST', { job: '2' }));
  assert.deepEqual(told.splice(4), [['aborting', 2, 'cancelled'], 'signal']);
  for (const end of ends) end();
  await turns(1);
  assert.deepEqual(told.splice(4), [
    ['ended', 1],
    ['ended', 2],
  ]);
  assert.equal(clock.pending, 0, 'no timer is left');
});

test('what became of a run is forgotten with it', async (context: TestContext) => {
  setBound(context, 'jobEnds', 1);
  const world = new World();
  const ends: WeakRef<HowJobWent>[] = [];
  for (const seq of [1, 2, 3]) {
    const begin = (): Promise<HowJobWent> => {
      const went = { result: '1' };
      ends.push(new WeakRef(went));
      return Promise.resolve(went);
    };
    await world.runs.take(run(seq), never, world.deeds(begin));
    await turns(1);
  }
  await turns(2);
  collect();
  assert.deepEqual(
    ends.map((end) => end.deref() !== undefined),
    [false, false, true],
  );
});

test('an instance that stops gives back what runs, and what comes then', async () => {
  const world = new World();
  const { runs } = world;
  const endless = world.deeds(() => new Promise(() => undefined));
  const taken = runs.take(run(1), never, endless);
  const released = runs.release(new TuttiError('STOPPING', { instance: 'worker#1' }));
  await assert.rejects(taken, { code: 'STOPPING' });
  await released;
  const late = runs.take(run(2), never, endless);
  await assert.rejects(late, { code: 'STOPPING' });
});

test('who stops tells the store himself how those runs end that nobody waits for, and gives back what does not end in time', async () => {
  const world = new World();
  const { runs } = world;
  const ends = new Map<number, (went: HowJobWent) => void>();
  const take = (seq: number): AbortController => {
    const call = new AbortController();
    const deeds = world.deeds(
      () =>
        new Promise((resolve) => {
          ends.set(seq, resolve);
        }),
    );
    runs.take(run(seq), call.signal, deeds).catch(() => undefined);
    return call;
  };
  const gone = new TuttiError('CANCELLED');
  const [before, ...later] = [1, 2, 3, 4].map(take);
  before?.abort(gone);
  await turns(1);
  ends.get(1)?.({ result: '1' });
  await turns(1);
  for (const call of later.slice(0, 2)) call.abort(gone);
  await turns(1);
  const time = new AbortController();
  const drained = runs.drain(time.signal);
  ends.get(2)?.({ result: '2' });
  await turns(1);
  assert.deepEqual(world.told, [{ result: '1' }, { result: '2' }]);
  time.abort();
  assert.equal(await drained, false);
  // The third has nobody; the owner of the fourth hears it from the call.
  await runs.release(new TuttiError('STOPPING'));
  assert.deepEqual(world.told.slice(2), ['back']);
});

test('who stops waits for what runs, but not for what was taken away from it', async () => {
  const world = new World();
  const { promise, resolve } = Promise.withResolvers<HowJobWent>();
  const taken = world.runs.take(
    run(1),
    never,
    world.deeds(() => promise),
  );
  const lost = world.runs.take(
    run(2),
    never,
    world.deeds(() => new Promise(() => undefined)),
  );
  lost.catch(() => undefined);
  world.runs.abort(run(2), new TuttiError('LEASE_LOST', { job: '2' }));
  const drained = world.runs.drain(never);
  resolve({ result: '1' });
  assert.deepEqual([await taken, await drained, world.told], [{ result: '1' }, true, []]);
});
