/** What an instance remembers of the jobs that it runs and has run, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TuttiError } from '../../src/core/errors.ts';
import { JobRuns } from '../../src/host/job-runs.ts';
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

  async end(seq: number, result = '1'): Promise<void> {
    await this.runs.take(run(seq), never, () => Promise.resolve({ result }));
    await turns(1);
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
  const { runs } = new World();
  const { promise, resolve } = Promise.withResolvers<HowJobWent>();
  let begun = 0;
  const begin = (): Promise<HowJobWent> => {
    begun += 1;
    return promise;
  };
  const both = [runs.take(run(1), never, begin), runs.take(run(1), never, begin)];
  resolve({ result: '7' });
  assert.deepEqual(await Promise.all(both), [{ result: '7' }, { result: '7' }]);
  assert.deepEqual(await runs.take(run(1), never, begin), { result: '7' });
  assert.equal(begun, 1);
});

test('a call that is taken back ends no run; its time, a cancellation and a lost lease do', async () => {
  const { runs } = new World();
  const take = (seq: number, call: AbortController): AbortSignal => {
    let of = never;
    const taken = runs.take(run(seq), call.signal, (signal) => {
      of = signal;
      return new Promise(() => undefined);
    });
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

test('what became of a run is forgotten with it', async (context: TestContext) => {
  setBound(context, 'jobEnds', 1);
  const world = new World();
  const ends: WeakRef<HowJobWent>[] = [];
  for (const seq of [1, 2, 3]) {
    await world.runs.take(run(seq), never, () => {
      const went = { result: '1' };
      ends.push(new WeakRef(went));
      return Promise.resolve(went);
    });
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
  const { runs } = new World();
  const taken = runs.take(run(1), never, () => new Promise(() => undefined));
  runs.release(new TuttiError('STOPPING', { instance: 'worker#1' }));
  await assert.rejects(taken, { code: 'STOPPING' });
  const late = runs.take(run(2), never, () => new Promise(() => undefined));
  await assert.rejects(late, { code: 'STOPPING' });
});
