/** Twice as much as a service can do: what it can do it goes on doing, the rest is told at once, and who is urgent does not notice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command, fixture, makeHome } from '../journeys/command.ts';
import { OpenLoad, quantile } from '../journeys/open-load.ts';
import type { Answered } from '../journeys/open-load.ts';
import { slowTest } from '../fuzz/chance.ts';

const app = fixture('overload/tutti.ts');
/** Of its action: what is measured where others take the processor meanwhile is less, and twice that no overload. */
const mostPerSecond = 200;
/** Milliseconds of each phase; a machine that others use too measures little in a short one. */
const phaseMs = process.env['TUTTI_LONG'] === '1' ? 30_000 : 4_000;

const good = (answers: readonly Answered[]): Answered[] => answers.filter(({ status }) => status === 200);
const times = (answers: readonly Answered[]): number[] => answers.map(({ tookMs }) => tookMs);
const shown = (value: number): string => value.toFixed(value < 10 ? 2 : 0);

/** As many as are answered when all places are taken all the time and nobody has to wait long. */
async function capacity(load: OpenLoad, url: string): Promise<number> {
  let answered = 0;
  const began = performance.now();
  const client = async (): Promise<void> => {
    while (performance.now() - began < phaseMs / 2) if ((await load.ask(url)).status === 200) answered += 1;
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return answered / ((performance.now() - began) / 1_000);
}

test('at twice the load the work goes on, the rest is refused at once, and afterwards all is as before', async (t) => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  await command.ready();
  const base = await command.url();
  using load = new OpenLoad();
  const url = `${base}/ask/5`;
  await load.offer({ [url]: 50 }, 1_000);
  const perSecond = await capacity(load, url);
  const idle = await load.offer({ [url]: perSecond / 2 }, phaseMs);

  const alive: Promise<Answered>[] = [];
  const asking = setInterval(() => alive.push(load.ask(`${base}/health`)), 200);
  const began = performance.now();
  const over = await load.offer({ [url]: 2 * Math.max(perSecond, mostPerSecond) }, phaseMs);
  const tookMs = performance.now() - began;
  clearInterval(asking);
  const refused = over.filter(({ status }) => status !== 200);
  const goodput = good(over).length / (tookMs / 1_000) / perSecond;
  const atOnce = refused.filter(({ status }) => status !== 504);
  t.diagnostic(
    `capacity ${shown(perSecond)}/s; p99 ${shown(quantile(times(good(idle)), 0.99))} ms at half of it; ` +
      `at twice: goodput ${shown(goodput)}, p99 of accepted ${shown(quantile(times(good(over)), 0.99))} ms, ` +
      `${String(atOnce.length)} refused, median ${shown(quantile(times(atOnce), 0.5))} ms, p99 ${shown(quantile(times(atOnce), 0.99))} ms, ` +
      `${String(refused.length - atOnce.length)} past their deadline`,
  );
  assert.ok(goodput > 0.5, `${shown(goodput)} of the capacity`);
  assert.deepEqual([...new Set(atOnce.map(({ status }) => status))], [503]);
  assert.ok(atOnce.every(({ retryAfter }) => Number(retryAfter) >= 1));
  assert.ok(quantile(times(atOnce), 0.5) < 500, 'refusals wait');
  assert.ok(atOnce.length > over.length / 5, 'what was too much waited until it was too late');
  assert.ok((await Promise.all(alive)).every(({ status }) => status === 200));
  // What is too late is not begun. A process that is held up between its look and the handler does both.
  const counts = (await (await fetch(`${base}/counts`)).json()) as { started: number; late: number };
  assert.ok(
    counts.late <= 0.02 * counts.started,
    `${String(counts.late)} of ${String(counts.started)} were begun too late`,
  );

  const after = await load.offer({ [url]: perSecond / 2 }, phaseMs);
  const [before99, after99] = [idle, after].map((answers) => quantile(times(good(answers)), 0.99));
  t.diagnostic(`p99 ${shown(before99 ?? NaN)} ms before, ${shown(after99 ?? NaN)} ms afterwards`);
  assert.ok(good(after).length > 0.9 * after.length);
});

slowTest('at twice the load the urgent do not notice, and the lowest still move', async (t) => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  await command.ready();
  const base = await command.url();
  const [urgent, usual, lowest] = [9, 5, 0].map((priority) => `${base}/ask/${String(priority)}`) as [
    string,
    string,
    string,
  ];
  using load = new OpenLoad();
  await load.offer({ [usual]: 50 }, 1_000);
  const perSecond = await capacity(load, usual);
  const idle = times(await load.offer({ [urgent]: perSecond / 10 }, phaseMs));
  const over = await load.offer(
    { [urgent]: perSecond / 10, [usual]: 2 * Math.max(perSecond, mostPerSecond), [lowest]: perSecond / 10 },
    phaseMs,
  );
  const [high, low] = [urgent, lowest].map((url) => over.filter((answer) => answer.url === url)) as [
    Answered[],
    Answered[],
  ];
  t.diagnostic(
    `urgent: p99 ${shown(quantile(idle, 0.99))} ms alone, ${shown(quantile(times(high), 0.99))} ms at twice the load; ` +
      `lowest: ${String(good(low).length)} of ${String(low.length)} done`,
  );
  assert.ok(good(high).length > 0.8 * high.length, `${String(good(high).length)} of ${String(high.length)}`);
  assert.ok(good(low).length > 0, 'the lowest stand still');
});
