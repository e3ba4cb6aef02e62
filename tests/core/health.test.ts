import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judge, verdictText } from '../../src/core/health.ts';
import type { Reading, Verdict } from '../../src/core/health.ts';

const policy = { staleAfter: 3_000, heartbeatTimeout: 10_000, busyAfter: 60_000 };

/** A reading `silentMs` after the last beat. */
const at = (silentMs: number, reading: Partial<Reading> = {}): Verdict =>
  judge(
    {
      now: 1_000_000 + silentMs,
      beatAt: 1_000_000,
      processState: 'S',
      progressed: false,
      lenient: false,
      ...reading,
    },
    policy,
  );

const short = (verdict: Verdict): string =>
  verdict.verdict === 'alive' ? 'alive' : `${verdict.verdict} ${verdict.why}`;

const cases: [string, number, Partial<Reading>, string][] = [
  ['a fresh beat is life', 3_000, {}, 'alive'],
  ['a beat from the future is life', -50, {}, 'alive'],
  ['a stale one is silence', 3_001, {}, 'unready silent'],
  ['silence without progress beyond the timeout is a hang', 10_001, {}, 'kill hung'],
  ['SIGSTOP is a pause at first', 5_000, { processState: 'T' }, 'unready paused'],
  ['and a hang when it lasts', 10_001, { processState: 'T' }, 'kill hung'],
  ['CPU time that advances is work', 59_000, { progressed: true, processState: 'R' }, 'unready busy'],
  ['but not for ever', 60_001, { progressed: true, processState: 'R' }, 'kill busy'],
  [
    'runnable without progress is the fault of the machine, for ever',
    1e9,
    { processState: 'R' },
    'unready starved',
  ],
  ['waiting for a disk is never ended', 1e9, { processState: 'D' }, 'unready blocked-io'],
  [
    'not even when its group makes progress',
    1e9,
    { processState: 'D', progressed: true },
    'unready blocked-io',
  ],
  [
    'a process that is gone or a zombie waits for the word of the keeper',
    5_000,
    { processState: undefined },
    'unready silent',
  ],
  ['when we were late ourselves a stale beat is life', 9_000, { lenient: true }, 'alive'],
  ['and a hang takes three times as long', 30_000, { lenient: true }, 'unready silent'],
  ['but it is one then', 30_001, { lenient: true }, 'kill hung'],
];
for (const [name, silentMs, reading, expected] of cases) {
  test(name, () => {
    assert.equal(short(at(silentMs, reading)), expected);
  });
}

test('nobody is killed before the heartbeat timeout, whatever the reading', () => {
  const reading = fc.record({
    processState: fc.constantFrom('R', 'S', 'D', 'T', 'Z', undefined),
    progressed: fc.boolean(),
    lenient: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.integer({ min: -1_000, max: 10_000 }), reading, (silentMs, given) => {
      assert.notEqual(at(silentMs, given).verdict, 'kill');
    }),
  );
});

test('a verdict comes with its evidence in words', () => {
  const verdict = at(12_345);
  assert.ok(verdict.verdict !== 'alive');
  assert.equal(verdictText(verdict), 'hung: no heartbeat and no progress, for 12.3 s');
});
