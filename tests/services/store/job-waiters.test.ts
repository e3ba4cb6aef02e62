/** Who is told that something happened to a job, and how long he stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import { JobWaiters, waitMs } from '../../../src/services/store/job-waiters.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';

const mine = { queue: 'work', id: '1' };
const { signal } = new AbortController();

test('who waits for a job is told of that one, once, however many wait', async () => {
  const clock = fakeClock();
  const waiters = new JobWaiters(clock);
  const told: string[] = [];
  const wait = (id: string): Promise<void> =>
    waiters.wait({ queue: 'work', id }, { withinMs: 1_000, signal }).then(() => void told.push(id));
  const all = [wait('1'), wait('1'), wait('2')];
  waiters.tell({ queue: 'other', id: '2' });
  waiters.tell(mine);
  await Promise.all(all.slice(0, 2));
  assert.deepEqual(told, ['1', '1']);
  waiters.tellAll();
  await all[2];
});

test('a wait is over with its time, and with whoever waits', async () => {
  const clock = fakeClock();
  const waiters = new JobWaiters(clock);
  const late = waiters.wait(mine, { withinMs: 1_000, signal });
  clock.advance(1_000);
  await late;
  const left = new AbortController();
  const given = waiters.wait(mine, { withinMs: 1_000, signal: left.signal });
  left.abort();
  await given;
  await waiters.wait(mine, { withinMs: 1_000, signal: left.signal });
});

test('beyond the bound nobody waits, and a place that was left is free again', async () => {
  const waiters = new JobWaiters(fakeClock());
  const left = new AbortController();
  const first = waiters.wait(mine, { withinMs: 1_000, signal: left.signal });
  const rest = Array.from({ length: bounds.jobWaiters - 1 }, () =>
    waiters.wait(mine, { withinMs: 1_000, signal }),
  );
  await assert.rejects(waiters.wait(mine, { withinMs: 1_000, signal }), { code: 'OVERLOADED' });
  left.abort();
  await first;
  const again = waiters.wait(mine, { withinMs: 1_000, signal });
  waiters.tellAll();
  await Promise.all([again, ...rest]);
});

test('that nothing happened is told while there is time for an answer', () => {
  assert.equal(waitMs(20_000, 30_000), 20_000);
  assert.equal(waitMs(20_000, 11_000), 9_000);
  assert.equal(waitMs(20_000, 500), 0);
});
