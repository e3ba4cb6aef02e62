import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepLookAfterMs, eventOf, isLate, judge, lookEveryMs } from '../../src/core/health.ts';
import type { Reading, Silence, Verdict } from '../../src/core/health.ts';
import { newMemoryRun, weigh } from '../../src/core/memory-limit.ts';

const policy = { staleAfter: 3_000, heartbeatTimeout: 10_000, busyAfter: 60_000 };

type Seen = Partial<Omit<Reading, 'now'>>;

/** One silence as the watch follows it: a look every `everyMs`, each seeing what `see` says of that time since the last beat. */
class Watching {
  silence: Silence | undefined;
  verdict: Verdict = { verdict: 'alive' };
  now = 0;
  readonly #see: (ms: number) => Seen;

  constructor(see: Seen | ((ms: number) => Seen)) {
    this.#see = typeof see === 'function' ? see : () => see;
  }

  look(atMs: number, seen: Seen = {}): this {
    this.now = atMs;
    const reading = {
      ...{
        now: 1_000_000 + atMs,
        beatAt: 1_000_000,
        processState: 'S',
        cpuMs: 70,
        late: false,
        inspected: false,
      },
      ...this.#see(atMs),
      ...seen,
    };
    const judged = judge(this.silence, reading, policy);
    this.silence = judged.silence;
    this.verdict = judged.verdict;
    return this;
  }

  /** On until then. */
  to(ms: number, everyMs = 500): this {
    for (let at = this.now + everyMs; at <= ms; at += everyMs) this.look(at);
    return this;
  }

  /** When it is killed; undefined: not until then. */
  killedAt(untilMs: number, everyMs = 500): number | undefined {
    while (this.now < untilMs)
      if (short(this.look(this.now + everyMs).verdict).startsWith('kill')) return this.now;
    return undefined;
  }
}

const short = (verdict: Verdict): string =>
  'why' in verdict ? `${verdict.verdict} ${verdict.why}` : verdict.verdict;

/** Spins: each look finds more CPU time. */
const spins = (ms: number): Seen => ({ processState: 'R', cpuMs: ms });
const starts = (ms: number): Seen => ({ processState: 'R', cpuMs: 100 + Math.floor(ms / 20_000) });

const cases: readonly [string, Seen | ((ms: number) => Seen), number, string][] = [
  ['a fresh beat is life', {}, 3_000, 'alive'],
  ['a stale one is silence', {}, 3_500, 'unready silent'],
  ['silence without progress beyond the timeout is a hang', {}, 10_500, 'kill hung'],
  ['SIGSTOP is a pause at first', { processState: 'T' }, 5_000, 'unready paused'],
  ['and a hang when it lasts', { processState: 'T' }, 10_500, 'kill hung'],
  ['CPU time that advances is work', spins, 60_000, 'unready busy'],
  ['but not for ever', spins, 60_500, 'kill busy'],
  ['a child that works while its parent waits is work', (ms) => ({ cpuMs: ms }), 60_000, 'unready busy'],
  [
    'runnable without progress is the fault of the machine',
    { processState: 'R' },
    900_000,
    'unready starved',
  ],
  ['one tick in twenty seconds is no progress', starts, 297_500, 'unready starved'],
  ['waiting for a disk is never ended', { processState: 'D' }, 900_000, 'unready blocked-io'],
  ['not even with progress', (ms) => ({ processState: 'D', cpuMs: ms }), 900_000, 'unready blocked-io'],
  [
    'where /proc says nothing the longer limit counts',
    { processState: undefined, cpuMs: undefined },
    60_000,
    'unready silent',
  ],
  ['and then it is a hang', { processState: undefined, cpuMs: undefined }, 60_500, 'kill hung'],
  ['with a debugger attached a stale beat is left alone', { inspected: true }, 9_000, 'wait'],
  ['and a hang takes three times as long', { inspected: true }, 30_000, 'unready silent'],
  ['but it is one then', { inspected: true }, 30_500, 'kill hung'],
];
for (const [name, see, atMs, expected] of cases) {
  test(name, () => {
    assert.equal(short(new Watching(see).look(0).to(atMs).verdict), expected);
  });
}

test('a beat from the future is life', () => {
  assert.equal(short(new Watching({}).look(-50).verdict), 'alive');
});

test('a hang is counted from the last progress, not from the last beat', () => {
  const worksFor20s = new Watching((ms) => ({ cpuMs: Math.min(ms, 20_000) }));
  assert.equal(worksFor20s.look(0).killedAt(120_000), 30_500);
});

test('who comes out of a stalled disk or a starved machine has all its time before it', () => {
  for (const processState of ['D', 'R']) {
    const stuck = new Watching((ms) => (ms < 100_000 ? { processState } : {}));
    assert.equal(stuck.look(0).killedAt(200_000), 110_000);
    const works = new Watching((ms) => (ms < 100_000 ? { processState } : spins(ms)));
    const at = works.look(0).killedAt(400_000) ?? 0;
    assert.ok(at >= 155_000 && at <= 165_000, `${processState} ${String(at)}`);
  }
});

test('a successor that finds a silence under way waits for as long as if it began now', () => {
  assert.equal(short(new Watching({}).look(45_000).verdict), 'unready silent');
  assert.equal(new Watching({}).look(45_000).killedAt(100_000), 55_500);
});

test('a supervisor that was stopped for 30 s, with everybody or alone, says nothing of anybody on waking', () => {
  const frozen = new Watching({}).look(0).look(30_000, { late: true });
  assert.equal(short(frozen.verdict), 'wait');
  const alone = new Watching({}).look(0).look(30_000, { late: true, beatAt: 1_029_800 });
  assert.equal(short(alone.verdict), 'alive');
});

test('nor after minutes: who does not beat then has three times its time from the waking', () => {
  const frozen = new Watching({}).look(0).look(300_000, { late: true });
  assert.equal(frozen.killedAt(400_000), 332_000);
  const returns = new Watching({}).look(0).look(300_000, { late: true }).look(301_500);
  assert.equal(short(returns.look(302_000, { beatAt: 1_301_900 }).verdict), 'alive');
});

test('looks before a long stall do not help to condemn after it: who may have gone on meanwhile is looked at four times', () => {
  const stopped = new Watching({ processState: 'T' }).look(0).look(4_000, { late: true }).to(35_000);
  assert.equal(short(stopped.verdict), 'unready paused');
  assert.equal(short(stopped.look(135_000, { late: true }).verdict), 'unready paused');
  assert.equal(stopped.killedAt(140_000), 136_500);
});

test('who was unready before we were held up stays so: a wait says neither', () => {
  const paused = new Watching({ processState: 'T' }).look(0).to(5_000);
  assert.equal(short(paused.verdict), 'unready paused');
  assert.equal(short(paused.look(8_000, { late: true }).verdict), 'wait');
  assert.equal(short(paused.look(8_500).verdict), 'wait');
  assert.equal(eventOf({ state: 'unready', reason: 'x' }, paused.verdict), undefined);
});

for (const everyMs of [1_600, 2_500, 5_000])
  test(`late at every look of ${String(everyMs)} ms: who is stopped is ended within the minute, who is starved is not`, () => {
    const stopped = new Watching({ processState: 'T', late: true }).look(0);
    const at = stopped.killedAt(120_000, everyMs) ?? Infinity;
    assert.ok(at > 30_000 && at < 60_000, String(at));
    assert.equal(
      new Watching({ processState: 'R', late: true }).look(0).killedAt(600_000, everyMs),
      undefined,
    );
  });

test('a new beat begins anew: the pardon of the last silence is not that of this one', () => {
  const watching = new Watching({}).look(0).look(5_000, { late: true });
  const next = { beatAt: 1_006_000 };
  watching.look(6_000, next);
  for (let at = 6_500; at <= 16_000; at += 500)
    assert.ok(!short(watching.look(at, next).verdict).startsWith('kill'));
  assert.equal(short(watching.look(16_500, next).verdict), 'kill hung');
});

const readings = fc.array(
  fc.record({
    passed: fc.constantFrom(100, 500, 500, 500, 2_000, 30_000),
    processState: fc.constantFrom('R', 'S', 'D', 'T', 't', undefined),
    cpuMs: fc.option(fc.nat(50), { nil: undefined }),
    late: fc.boolean(),
    inspected: fc.boolean(),
  }),
  { maxLength: 40 },
);

test('whatever the readings: nobody is killed fresh, in D, while starved, at a first late look, or within the timeout', () => {
  fc.assert(
    fc.property(readings, (given) => {
      const watching = new Watching({}).look(0);
      for (const { passed, ...seen } of given) {
        const before = watching.silence;
        const { verdict } = watching.look(watching.now + passed, seen);
        if (verdict.verdict !== 'kill') continue;
        assert.ok(watching.now > policy.heartbeatTimeout);
        assert.notEqual(seen.processState, 'D');
        assert.ok(seen.processState !== 'R' || verdict.why === 'busy');
        assert.ok(!seen.late || before?.isPardoned);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a verdict carries its evidence as data, and in words', () => {
  const { verdict } = new Watching(spins).look(0).to(12_500);
  assert.deepEqual(eventOf({ state: 'ready', reason: 'ready' }, verdict), {
    type: 'unfit',
    reason: 'its event loop is busy: no heartbeat, but CPU time advances, for 12.5 s',
    evidence: { verdict: 'busy', silentMs: 12_500, processState: 'R', cpuMs: 12_500 },
  });
});

test('only a new why is told again, and only what was said here is taken back', () => {
  const busy = new Watching(spins).look(0).to(5_000).verdict;
  const told = eventOf({ state: 'ready', reason: 'ready' }, busy);
  assert.ok(told?.type === 'unfit');
  const unready = { state: 'unready', reason: told.reason } as const;
  assert.equal(eventOf(unready, busy), undefined);
  const paused = new Watching({ processState: 'T' }).look(0).to(5_000).verdict;
  assert.equal(eventOf(unready, paused)?.type, 'unfit');
  assert.deepEqual(eventOf(unready, { verdict: 'alive' }), { type: 'fit' });
  const byCheck = { state: 'unready', reason: 'check() failed 3 times: it gave false, for 1.0 s' } as const;
  for (const verdict of [busy, { verdict: 'alive' } as const])
    assert.equal(eventOf(byCheck, verdict), undefined);
  for (const state of [
    'pending',
    'starting',
    'draining',
    'stopping',
    'backoff',
    'failed',
    'stopped',
  ] as const)
    assert.equal(eventOf({ state, reason: told.reason }, busy), undefined);
});

test('/proc is read at every look while a beat is late, every 2 s after it, every 10 s after 20 fresh beats', () => {
  assert.deepEqual([0, 1, 19, 20, 1_000].map(deepLookAfterMs), [0, 2_000, 2_000, 10_000, 10_000]);
});

test('the looks follow the shortest staleAfter, and late is more than two periods too late', () => {
  assert.deepEqual([Infinity, 3_000, 1_200, 10].map(lookEveryMs), [500, 500, 200, 100]);
  assert.deepEqual([isLate(1_500, 500), isLate(1_501, 500)], [false, true]);
});

test('memory over the limit is said at the third sample in a row, and once', () => {
  const said: number[] = [];
  let run = newMemoryRun;
  for (const [n, rssBytes] of [9, 11, 11, 10, 11, 11, 11, 11, 11].entries()) {
    // Each beat is read twice: the same sample counts once.
    for (const beatAt of [n + 1, n + 1]) {
      const weighed = weigh(run, { beatAt, rssBytes }, 10);
      run = weighed.run;
      if (weighed.isOver) said.push(n);
    }
  }
  assert.deepEqual(said, [6]);
  assert.equal(weigh(newMemoryRun, { beatAt: 1, rssBytes: 1e12 }, undefined).isOver, false);
});
