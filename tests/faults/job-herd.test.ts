/** N-113 Thousands of jobs whose time comes at one instant: they are begun at the pace of who does them, and nobody else waits long meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { times } from '../fuzz/chance.ts';
import { makeHome } from '../journeys/command.ts';
import { Works } from '../journeys/works.ts';

const jobs = times(3_000, 10_000);
/** Of one process; see fixtures/jobs/worker.ts. */
const concurrency = 10;
const workers = 2;
const delayMs = 6_000;

test('N-113 thousands of jobs that are due at one instant are begun as there is room, once each, not early; who asks meanwhile is answered', async (context) => {
  using home = makeHome();
  await using app = new Works(home.folder, { WORKERS: String(workers) });
  await app.ready();
  const due = Date.now() + delayMs;
  // One change, so that all of them have one time.
  const wishes = Array.from({ length: jobs }, (_none, number) => ({ input: { number }, delayMs }));
  await app.ask('addMany', [wishes], { queue: 'hardy', deadlineMs: 30_000 });
  const { delayed } = await app.counts('hardy');
  assert.equal(delayed, jobs, 'none is due yet');
  await pause(due - Date.now() - 200);
  const waits: number[] = [];
  const isOpen = async (): Promise<boolean> => {
    const counts = await app.counts('hardy');
    assert.ok(counts.running <= workers * concurrency, `${String(counts.running)} run`);
    return counts.waiting + counts.delayed + counts.running > 0;
  };
  do {
    // Of another queue, in the same store.
    const from = performance.now();
    await app.end(await app.add({ number: 1 }, {}, { deadlineMs: 5_000 }));
    waits.push(performance.now() - from);
  } while (await isOpen());
  const ran = app.ran().filter(({ queue }) => queue === 'hardy');
  const begun = ran.filter(({ what }) => what === 'begun');
  const tookMs = (ran.at(-1)?.at ?? 0) - due;
  waits.sort((left, right) => left - right);
  context.diagnostic(
    `${String(jobs)} done in ${String(tookMs)} ms; ${String(waits.length)} jobs of another queue meanwhile, from their addition to their end ` +
      `p50 ${(waits[waits.length >> 1] ?? 0).toFixed(0)}, worst ${(waits.at(-1) ?? 0).toFixed(0)} ms`,
  );
  assert.equal(begun.length, jobs);
  assert.equal(new Set(ran.filter(({ what }) => what === 'done').map(({ id }) => id)).size, jobs);
  assert.ok(
    begun.every(({ attempt, at }) => attempt === 1 && at >= due),
    'once each, and not early',
  );
  assert.ok((waits.at(-1) ?? 0) < 5_000);
});
