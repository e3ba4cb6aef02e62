/** Which jobs are begun, and what becomes of a run, with workers that answer as they are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import { TuttiError } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import type { Isolation } from '../../../src/core/isolation.ts';
import { fillQueue } from '../../../src/define/queue.ts';
import type { QueueOptions } from '../../../src/define/queue.ts';
import type { Caller } from '../../../src/mesh/caller.ts';
import { writeKept } from '../../../src/mesh/kept-event.ts';
import { abortJobAction, heldJobsAction } from '../../../src/mesh/kept-job.ts';
import type { DeliveredJob, HowJobWent, JobRun } from '../../../src/mesh/kept-job.ts';
import { RegistryView } from '../../../src/mesh/registry-view.ts';
import { JobDispatcher } from '../../../src/services/store/job-dispatcher.ts';
import type { NewJob } from '../../../src/stores/job-queue/job-adding.ts';
import type { Counts } from '../../../src/stores/job-queue/job-lists.ts';
import type { JobRow } from '../../../src/stores/job-queue/job-table.ts';
import { jobsArea } from '../../../src/stores/job-queue/jobs-area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { StoreFolder, turns } from '../../stores/store-folder.ts';
import { readDelivered } from './delivered.ts';

const done: HowJobWent = { result: '1' };
const failed: HowJobWent = { failed: 'Error: no', isFinal: false };

interface Called extends DeliveredJob {
  readonly deadlineMs: number | undefined;
  readonly slot: number | undefined;
  readonly signal: AbortSignal;
}

/** A store, a dispatcher, and instances that answer as they are told. */
class World implements AsyncDisposable {
  readonly folder = new StoreFolder();
  readonly store: Store = this.folder.open([jobsArea]);
  readonly registry = new RegistryView();
  readonly called: Called[] = [];
  readonly changed: string[] = [];
  readonly ended: string[] = [];
  readonly aborted: unknown[] = [];
  answer: (job: Called) => Promise<HowJobWent | Error> = () => Promise.resolve(done);
  hear: (deadlineMs: number) => Promise<unknown> = () => Promise.resolve();
  held: JobRun[] = [];
  living: readonly number[] | undefined = [];
  isolate: Isolation | undefined;
  readonly unheard: unknown[] = [];
  dispatcher: JobDispatcher | undefined;
  readonly #options: QueueOptions;
  #revision = 0;

  constructor(options: QueueOptions = {}) {
    this.#options = { attempts: 3, timeoutMs: 777, backoff: { delayMs: 100, jitterPercent: 0 }, ...options };
  }

  start(): JobDispatcher {
    // eslint-disable-next-line max-params -- as `Caller.call`
    const call: Caller['call'] = async (_service, action, input, { deadlineMs, slot, signal } = {}) => {
      if (action === heldJobsAction) return this.held;
      if (action === abortJobAction) {
        this.aborted.push(input);
        return this.hear(deadlineMs ?? 0);
      }
      const job = {
        ...(readDelivered(input) as DeliveredJob),
        deadlineMs,
        slot,
        signal: signal as AbortSignal,
      };
      this.called.push(job);
      const answer = await this.answer(job);
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const manifest = fillQueue(this.#options, { concurrency: 4 });
    this.dispatcher = new JobDispatcher({
      ...{ queue: 'work', store: this.store, registry: this.registry, random: Math.random },
      ...{ caller: { call } as Caller, clock: this.folder.clock, log: this.folder.log },
      worker: () => ({ service: 'worker', manifest, isolate: this.isolate }),
      tellUnheard: (instance, job) => this.unheard.push([instance, job]),
      living: () => this.living,
      ran: () => undefined,
      waited: () => undefined,
      changed: (id) => this.changed.push(id),
      ended: (id) => this.ended.push(id),
    });
    return this.dispatcher;
  }

  async instances(count: number): Promise<void> {
    const instances = Array.from({ length: count }, (_none, index) => {
      return { service: 'worker', slot: index + 1, epoch: 1, address: '' };
    });
    this.registry.replace({
      revision: (this.#revision += 1),
      services: { worker: { instances, events: {} } },
    });
    this.dispatcher?.wake();
    await turns(10);
  }

  async add(...jobs: Partial<NewJob>[]): Promise<void> {
    const full = jobs.map((job) => ({ id: null, priority: 5, body: writeKept(1, undefined), ...job }));
    await this.store.mutate({ area: 'jobs', name: 'add', input: { queue: 'work', jobs: full } });
    this.dispatcher?.wake();
    await turns(10);
  }

  async advance(ms: number): Promise<void> {
    this.folder.clock.advance(ms);
    await turns(10);
  }

  job(id: string): JobRow {
    return this.store.query({ area: 'jobs', name: 'get', input: { queue: 'work', id } }) as JobRow;
  }

  counts(): Partial<Counts> {
    const counts = this.store.query({ area: 'jobs', name: 'counts', input: { queue: 'work' } }) as Counts;
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  }

  runs(): string[] {
    return this.called.map(({ id, attempt }) => `${id} ${String(attempt)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatcher?.stop();
    await this.store.close();
    this.folder[Symbol.dispose]();
  }
}

test('with no worker nothing is begun and nothing is waited for; who comes gets what there is', async () => {
  await using world = new World();
  world.start();
  const quiet = world.folder.clock.pending;
  await world.add({}, {});
  assert.deepEqual([world.called, world.folder.clock.pending], [[], quiet]);
  await world.instances(1);
  assert.deepEqual(world.runs(), ['1 1', '2 1']);
  assert.deepEqual([world.counts(), world.ended], [{ done: 2 }, ['1', '2']]);
  assert.equal(world.called[0]?.deadlineMs, 777);
});

test('each begin of a job is told, each failure that is no end, and its end', async () => {
  await using world = new World();
  world.answer = () => Promise.resolve(failed);
  world.start();
  await world.instances(1);
  await world.add({});
  assert.deepEqual([world.changed, world.ended], [['1', '1'], []]);
  world.answer = () => Promise.resolve(done);
  await world.advance(100);
  assert.deepEqual([world.changed, world.ended], [['1', '1', '1'], ['1']]);
});

test('no more run than the workers take, or than the queue allows', async () => {
  for (const [options, most] of [
    [{}, 8],
    [{ limit: 3 }, 3],
  ] as const) {
    await using world = new World(options);
    const ends: (() => void)[] = [];
    world.answer = () =>
      new Promise((end) => {
        ends.push(() => {
          end(done);
        });
      });
    world.start();
    await world.instances(2);
    await world.add(...Array.from({ length: 20 }, () => ({})));
    assert.equal(world.called.length, most);
    ends[0]?.();
    await turns(10);
    assert.equal(world.called.length, most + 1, 'one that has ended makes room for one');
    assert.deepEqual(world.counts(), { waiting: 20 - most - 1, running: most, done: 1 });
    world.answer = () => Promise.resolve(done);
    for (const end of ends) end();
    await turns(40);
    assert.deepEqual(world.counts(), { done: 20 });
  }
});

test('what nobody could take has used up no attempt; what failed has, and comes back after its backoff, until it has failed', async () => {
  await using world = new World();
  world.start();
  await world.instances(1);
  for (const code of [
    'NO_INSTANCE',
    'STOPPING',
    'OVERLOADED',
    'CIRCUIT_OPEN',
  ] as const satisfies ErrorCode[]) {
    world.answer = () => Promise.resolve(new TuttiError(code));
    if (world.called.length === 0) await world.add({});
    else await world.advance(250);
    assert.deepEqual([world.counts(), world.job('1').attempts], [{ delayed: 1 }, 0], code);
  }
  world.answer = () => Promise.resolve(failed);
  await world.advance(250);
  assert.deepEqual([world.job('1').attempts, world.job('1').reason], [1, 'Error: no']);
  world.answer = () => Promise.resolve(new TuttiError('INSTANCE_LOST', { instance: 'worker#1@1' }));
  const before = world.called.length;
  await world.advance(99);
  assert.equal(world.called.length, before, 'not before its time');
  await world.advance(1);
  assert.equal(world.job('1').attempts, 2, 'a death uses one up');
  await world.advance(200);
  assert.deepEqual([world.counts(), world.ended], [{ failed: 1 }, ['1']]);
  assert.match(world.job('1').reason ?? '', /^INSTANCE_LOST: worker#1@1 was lost/);
});

test('who says that no other attempt would go better is believed', async () => {
  await using world = new World();
  world.answer = () => Promise.resolve({ failed: 'no such address', isFinal: true });
  world.start();
  await world.instances(1);
  await world.add({});
  assert.deepEqual([world.counts(), world.job('1').attempts], [{ failed: 1 }, 1]);
});

test('a cancelled run is taken back, and what it says then changes nothing', async () => {
  await using world = new World();
  world.answer = ({ signal }) =>
    new Promise((end) => {
      signal.addEventListener('abort', () => {
        end(signal.reason as Error);
      });
    });
  const dispatcher = world.start();
  await world.instances(1);
  await world.add({});
  const input = { queue: 'work', id: '1', reason: 'enough' };
  await world.store.mutate({ area: 'jobs', name: 'cancel', input });
  dispatcher.abort(1, 'enough');
  await turns(10);
  assert.equal(world.called[0]?.signal.aborted, true);
  assert.deepEqual(world.aborted, [{ seq: 1, run: 1, reason: 'enough' }]);
  assert.deepEqual([world.counts(), world.job('1').reason, world.ended], [{ cancelled: 1 }, 'enough', []]);
});

/** One instance that runs the job 1 and does not end it by itself. */
async function isolatedWorld(world: World): Promise<{ readonly end: (went: HowJobWent | Error) => void }> {
  const { promise, resolve } = Promise.withResolvers<HowJobWent | Error>();
  world.isolate = { graceMs: 1_000 };
  world.answer = ({ id }) => (id === '1' ? promise : Promise.resolve(done));
  world.start();
  await world.instances(2);
  await world.add({});
  return { end: resolve };
}

async function cancelJob(world: World): Promise<void> {
  const input = { queue: 'work', id: '1', reason: 'enough' };
  await world.store.mutate({ area: 'jobs', name: 'cancel', input });
  world.dispatcher?.abort(1, 'enough');
  await turns(10);
}

test('isolated: a cancelled run keeps its place until it has ended, and one that hears it is left to itself', async () => {
  await using world = new World({ limit: 1 });
  const { end } = await isolatedWorld(world);
  assert.equal(world.called[0]?.deadlineMs, 777 + 1_000 + 10_000, 'its call outlasts it');
  assert.equal(world.called[0].limitMs, 777);
  await cancelJob(world);
  await world.add({});
  await world.advance(5_000);
  assert.deepEqual([world.runs(), world.unheard], [['1 1'], []]);
  assert.deepEqual(world.aborted, [{ seq: 1, run: 1, reason: 'enough' }]);
  end(failed);
  await turns(10);
  assert.deepEqual(
    [world.runs(), world.counts(), world.job('1').reason],
    [['1 1', '2 1'], { cancelled: 1, done: 1 }, 'enough'],
  );
});

test('isolated: the supervisor is told of the process that does not hear it for all of its grace, until that is gone', async () => {
  await using world = new World();
  const { end } = await isolatedWorld(world);
  const slot = world.called[0]?.slot ?? 0;
  world.hear = (deadlineMs) =>
    new Promise((_resolve, reject) => {
      world.folder.clock.after(deadlineMs, () => {
        reject(new TuttiError('CALL_TIMED_OUT'));
      });
    });
  await cancelJob(world);
  await world.advance(999);
  assert.deepEqual(world.unheard, []);
  await world.advance(1);
  const told = [
    { service: 'worker', slot, epoch: 1 },
    { queue: 'work', number: 1 },
  ];
  assert.deepEqual(world.unheard, [told]);
  await world.advance(250);
  await world.advance(250);
  assert.deepEqual(world.unheard, [told, told], 'the supervisor may have been away');
  end(new TuttiError('INSTANCE_LOST', { instance: 'worker#1@1' }));
  await turns(10);
  for (let look = 0; look < 8; look += 1) await world.advance(250);
  assert.equal(world.unheard.length, 2);
  assert.deepEqual(world.counts(), { cancelled: 1 });
});

test('isolated: a run whose process was ended after its time has timed out; nothing is begun behind one while another is free', async () => {
  await using world = new World();
  const { end } = await isolatedWorld(world);
  const [{ slot } = { slot: 0 }] = world.called;
  for (let job = 0; job < 6; job += 1) await world.add({});
  assert.ok(world.called.slice(1).every((call) => call.slot !== slot));
  world.folder.clock.advance(1_800);
  end(new TuttiError('INSTANCE_LOST', { instance: 'worker#1@1' }));
  await turns(10);
  assert.match(world.job('1').reason ?? '', /^CALL_TIMED_OUT: it ran on after its time was over/);
  assert.equal(world.job('1').attempts, 1);
});

test('isolated: a run whose process nobody can end is waited for no longer than its bound, and begun once more', async () => {
  await using world = new World();
  const { end } = await isolatedWorld(world);
  const [first] = world.called;
  await world.advance(777 + 1_000 + bounds.isolatedEndMs - 1);
  assert.deepEqual(world.runs(), ['1 1'], 'not before');
  // Its call has a time, and that is over.
  assert.equal(first?.deadlineMs, 777 + 1_000 + bounds.isolatedEndMs);
  world.answer = () => Promise.resolve(done);
  end(new TuttiError('CALL_TIMED_OUT', { service: 'worker', action: 'work', afterMs: first.deadlineMs }));
  await turns(10);
  await world.advance(100);
  assert.deepEqual([world.runs(), world.counts()], [['1 1', '1 2'], { done: 1 }]);
});

test('what an owner before it began goes on where it is; what nobody has in hand was lost', async () => {
  await using world = new World();
  await world.add({}, {}, {});
  const claim = { queue: 'work', ends: [], claim: { limit: 2 } };
  await world.store.mutate({ area: 'jobs', name: 'turn', input: claim });
  world.held = [
    { seq: 1, run: 1 },
    { seq: 2, run: 9 },
  ];
  await world.instances(2);
  world.folder.clock.advance(500);
  world.living = undefined;
  world.start();
  await turns(10);
  assert.equal(world.called.length, 0, 'nothing is begun before that is known');
  world.living = [1, 2];
  await world.advance(100);
  const [taken] = world.called;
  assert.deepEqual([taken?.id, taken?.attempt, taken?.slot], ['1', 1, 2]);
  assert.equal(taken?.deadlineMs, 2_000, 'however little is left of its time');
  assert.deepEqual(
    [world.job('2').attempts, world.job('2').reason],
    [1, 'INSTANCE_LOST: nobody runs it any more'],
  );
  await world.advance(100);
  assert.deepEqual(world.runs(), ['1 1', '3 1', '2 2']);
  assert.deepEqual(world.counts(), { done: 3 });
});

test('an instance that lives and is not ready is waited for: it may have what nobody else has', async () => {
  await using world = new World();
  await world.add({});
  await world.store.mutate({
    area: 'jobs',
    name: 'turn',
    input: { queue: 'work', ends: [], claim: { limit: 1 } },
  });
  await world.instances(1);
  for (const living of [undefined, [1, 2]]) {
    world.living = living;
    if (world.dispatcher === undefined) world.start();
    for (let look = 0; look < 10; look += 1) await world.advance(100);
  }
  assert.deepEqual([world.called.length, world.counts()], [0, { running: 1 }]);
  world.held = [{ seq: 1, run: 1 }];
  await world.instances(2);
  for (let look = 0; look < 3; look += 1) await world.advance(100);
  assert.deepEqual([world.runs(), world.called[0]?.slot, world.counts()], [['1 1'], 2, { done: 1 }]);
});

test('what has ended by the time of a commit is written by one, and what is free by then is filled by it', async () => {
  await using world = new World();
  const { promise, resolve } = Promise.withResolvers<HowJobWent>();
  world.answer = () => promise;
  world.start();
  await world.instances(1);
  await world.add(...Array.from({ length: 8 }, () => ({})));
  assert.equal(world.called.length, 4);
  const { commits } = world.store.stats();
  world.answer = () => new Promise(() => undefined);
  resolve(done);
  await turns(3);
  assert.deepEqual([world.store.stats().commits - commits, world.counts()], [1, { running: 4, done: 4 }]);
});

test('an end that cannot be written now is written when it can be, and nothing is begun meanwhile', async () => {
  await using world = new World();
  let end: ((went: HowJobWent) => void) | undefined;
  world.answer = () =>
    new Promise((resolve) => {
      end = resolve;
    });
  world.start();
  await world.instances(1);
  await world.add({});
  const mutateLate = world.store.mutateLate.bind(world.store);
  world.store.mutateLate = ({ input }) => {
    input();
    return Promise.reject(new TuttiError('STORE_FULL'));
  };
  end?.(done);
  world.answer = () => Promise.resolve(done);
  await turns(10);
  assert.deepEqual(world.counts(), { running: 1 });
  assert.match(world.folder.said.at(-1) ?? '', /^error The store takes no turn of a queue now/);
  world.store.mutateLate = mutateLate;
  await world.add({});
  assert.deepEqual(world.runs(), ['1 1']);
  await world.advance(500);
  assert.deepEqual([world.counts(), world.runs()], [{ done: 2 }, ['1 1', '2 1']]);
});

test('a stop begins nothing more, writes what has ended, and leaves what runs to the next owner', async () => {
  await using world = new World();
  const ends: ((went: HowJobWent | Error) => void)[] = [];
  world.answer = () =>
    new Promise((resolve) => {
      ends.push(resolve);
    });
  const dispatcher = world.start();
  await world.instances(1);
  await world.add({}, {});
  ends[0]?.(done);
  await turns(10);
  await dispatcher.stop();
  await turns(10);
  await world.add({});
  ends[1]?.(new TuttiError('CANCELLED'));
  await turns(10);
  assert.deepEqual([world.counts(), world.runs()], [{ waiting: 1, running: 1, done: 1 }, ['1 1', '2 1']]);
});

test('a stop while runs are still looked for leaves them to the next owner at once', async () => {
  await using world = new World();
  await world.add({});
  const claim = { queue: 'work', ends: [], claim: { limit: 1 } };
  await world.store.mutate({ area: 'jobs', name: 'turn', input: claim });
  world.living = undefined;
  await world.start().stop();
  await world.instances(1);
  await world.advance(20_000);
  assert.deepEqual([world.called.length, world.counts()], [0, { running: 1 }]);
});

test('after a stop nothing is waited for', async () => {
  await using world = new World();
  const dispatcher = world.start();
  await world.instances(1);
  const quiet = world.folder.clock.pending;
  await world.add({ delayMs: 60_000 });
  assert.equal(world.folder.clock.pending, quiet + 1);
  await dispatcher.stop();
  assert.equal(world.folder.clock.pending, quiet);
});
