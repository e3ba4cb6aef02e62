/**
 * What a bad upstream costs its clients, and the upstream: a handler that hangs, a process that is stopped, dies, or is worse than its siblings.
 * One app for all of them: what each test does to it ends with the test. Figures are told; what is asserted is generous, for machines that have
 * little left.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { instanceOf, pidOf } from '../journeys/command.ts';
import type { Answer, UpstreamLoad } from './upstream-app.ts';
import { countsOf, median, shareOf, spread, tell, UpstreamApp } from './upstream-app.ts';

const isLong = process.env['TUTTI_LONG'] !== undefined;
const rounds = isLong ? 20 : 1;
const isAny = (): boolean => true;
const isWell = ({ status }: Answer): boolean => status === 200;
const isBad = (answer: Answer): boolean => !isWell(answer);
const hasCode =
  (code: string) =>
  (answer: Answer): boolean =>
    answer.code === code;
const tookMs = ({ startedAt, endedAt }: Answer): number => endedAt - startedAt;

let app: UpstreamApp;
before(async () => {
  app = new UpstreamApp();
  await app.open();
});
after(() => app[Symbol.asyncDispose]());

/** Bad, refused at once, well again; and nobody else feels it. @param begin gives when. */
async function endure(t: TestContext, begin: () => Promise<number>): Promise<void> {
  await using load = await app.load('green');
  load.ask('green', { clients: 4, everyMs: 25, withinMs: 300 });
  load.askOthers({ clients: 1, everyMs: 25 });
  for (let round = 1; round <= rounds; round += 1) await endureOnce(t, load, begin);
  await load.stop();
  await tellReached(t, load);
  assert.deepEqual(load.othersFailed(), []);
}

async function endureOnce(t: TestContext, load: UpstreamLoad, begin: () => Promise<number>): Promise<void> {
  await load.sees('it is well', isWell, { count: 40, since: performance.now() });
  const since = await begin();
  const [late] = await load.sees('a call that was late', hasCode('CALL_TIMED_OUT'), { since });
  const [opened] = await load.sees('it is not asked any more', hasCode('CIRCUIT_OPEN'), { since });
  const refused = await load.sees('refusals', hasCode('CIRCUIT_OPEN'), {
    ...{ count: isLong ? 1_000 : 150, since: opened.startedAt },
  });
  const mendedAt = await app.mendAll();
  const [well] = await load.sees('it is well again', isWell, { since: mendedAt });
  const [openMs, closeMs] = [opened.endedAt - late.endedAt, well.endedAt - mendedAt];
  tell(t, {
    'refused, ms after the first timeout': openMs.toFixed(0),
    refusals: spread(refused.map(tookMs)),
    'served again, ms after it was well': closeMs.toFixed(0),
  });
  assert.ok(openMs <= 3_000, `opened ${String(openMs)} ms after the first timeout`);
  assert.ok(median(refused.map(tookMs)) <= 200, `refused in ${spread(refused.map(tookMs))}`);
  assert.ok(refused.every(({ status }) => status === 503));
  assert.ok(refused.every(({ retryAfter }) => retryAfter >= 1 && retryAfter <= 5));
  assert.ok(closeMs <= 8_000, `served again after ${String(closeMs)} ms`);
}

/** Counted by the upstream itself; what its callers refuse does not come so far. */
async function tellReached(t: TestContext, load: UpstreamLoad): Promise<void> {
  const [reached, offered] = [await load.reached(), load.of(load.bad)];
  const sent = offered.filter(({ code }) => code !== 'CIRCUIT_OPEN' && code !== 'NO_INSTANCE').length;
  const words = `${String(reached)} for ${String(offered.length)} calls, ${String(sent)} of them not refused at once`;
  tell(t, { answers: countsOf(offered), 'handler reached': words });
  assert.ok(reached <= 1.2 * offered.length, words);
}

test('a handler that hangs is not asked after a few calls, and is soon after it is well; its neighbours feel nothing', (t) =>
  endure(t, () => Promise.resolve(app.spoil('green', 'hang'))));

test('a process that is stopped is not asked after a few calls, and is soon after it goes on; its neighbours feel nothing', (t) =>
  endure(t, async () => app.freeze(pidOf(await app.status(), 'green#1'))));

/** Six clients of the four. */
async function loadFour(): Promise<UpstreamLoad> {
  const load = await app.load('red');
  load.ask('red', { clients: 6, everyMs: 20 });
  await load.sees('all are asked', isWell, { count: 200 });
  return load;
}

/** Answers of which it is so; a machine that stands still for a moment makes whoever was at work look slow, so there are some tries. */
async function windowOf(
  load: UpstreamLoad,
  isSo: (answers: readonly Answer[]) => boolean,
): Promise<Answer[]> {
  let answers: Answer[] = [];
  for (let tries = 0; tries < 6; tries += 1) {
    answers = await load.sees('answers', isAny, { count: isLong ? 5_000 : 300, since: performance.now() });
    if (isSo(answers)) break;
  }
  return answers;
}

test('one of four that is far slower gets few calls', async (t) => {
  await using load = await loadFour();
  const pid = pidOf(await app.status(), 'red#1');
  const spoiledAt = app.spoil(pid, 'slow');
  const answers = await windowOf(load, (some) => shareOf(some, pid) <= 0.1);
  const share = shareOf(answers, pid);
  tell(t, { answers: countsOf(load.of('red', spoiledAt)), 'its share': share.toFixed(3) });
  assert.deepEqual(load.of('red').filter(isBad), []);
  assert.ok(share <= 0.1, `its share is ${String(share)}`);
});

test('one of four that answers errors costs next to nobody an error', async (t) => {
  await using load = await loadFour();
  const spoiledAt = app.spoil(pidOf(await app.status(), 'red#2'), 'refuse');
  await app.until('it is asked less', ({ avoided }) =>
    avoided.some((one) => one.kind === 'outlier' && one.instance === 'red#2@1' && one.failedPart >= 0.3),
  );
  const knownAt = performance.now();
  const since = isLong ? spoiledAt + 5_000 : knownAt;
  const answers = await load.sees('answers', isAny, { count: isLong ? 10_000 : 500, since });
  tell(t, {
    'known outside, ms after it went bad': (knownAt - spoiledAt).toFixed(0),
    'answers before that': countsOf(load.of('red', spoiledAt).filter(({ startedAt }) => startedAt < since)),
    'answers after that': countsOf(answers),
  });
  assert.ok(answers.filter(isBad).length <= 0.01 * answers.length, countsOf(answers));
});

test('an instance that was killed is not asked any more, and its clients hear nothing of it', async (t) => {
  await using load = await loadFour();
  for (let round = 1; round <= rounds; round += 1) {
    const { pid, epoch } = instanceOf(await app.status(), 'red#1');
    process.kill(pid ?? 0, 'SIGKILL');
    const killedAt = performance.now();
    await app.until('its successor is there', (now) => instanceOf(now, 'red#1').epoch > epoch);
    const answers = await load.sees('answers', isAny, { count: 300, since: killedAt });
    const last = Math.max(
      killedAt,
      ...answers.filter((one) => one.pid === pid).map(({ endedAt }) => endedAt),
    );
    tell(t, {
      answers: countsOf(answers),
      'took at most': spread(answers.map(tookMs)),
      'its last answer, ms after its death': (last - killedAt).toFixed(0),
      'attempts to reach who is gone': app.said.split('An instance was not reached').length - 1,
    });
    assert.deepEqual(answers.filter(isBad), []);
    assert.ok(last - killedAt <= 1_000);
  }
});

test('where three of four answer errors nobody is left out: it is not they who are bad', async (t) => {
  await using load = await loadFour();
  const status = await app.status();
  const pids = [1, 2, 3, 4].map((slot) => pidOf(status, `red#${String(slot)}`));
  for (const pid of pids.slice(1)) app.spoil(pid, 'refuse');
  // Long enough for the one that is well to be taken for the only one, if anybody could be.
  await load.sees('answers', isAny, { count: 300, since: performance.now() });
  const sharesOf = (some: readonly Answer[]): number[] => pids.map((pid) => shareOf(some, pid));
  const areAll = (all: readonly number[]): boolean => all.every((share) => share >= 0.05);
  const answers = await windowOf(load, (some) => areAll(sharesOf(some)));
  const shares = sharesOf(answers);
  const { avoided } = await app.status();
  const words = shares.map((share) => share.toFixed(3)).join(', ');
  tell(t, { answers: countsOf(answers), shares: words, avoided: avoided.length });
  assert.ok(areAll(shares), words);
  assert.ok(avoided.length <= 2, JSON.stringify(avoided));
});

for (const [mood, title] of [
  ['refuse', 'an upstream that answers nothing but errors is asked'],
  ['die', 'one whose processes die at each call is asked'],
] as const)
  test(`${title} a little more often than its clients ask, not many times`, async (t) => {
    await using load = await app.load('red');
    app.spoil('red', mood);
    load.ask('red', { clients: 6, everyMs: 25 });
    load.askOthers({ clients: 1, everyMs: 25 });
    await load.sees('calls', isAny, { count: isLong ? 5_000 : 400 });
    await load.stop();
    await tellReached(t, load);
    assert.deepEqual(load.othersFailed(), []);
  });
