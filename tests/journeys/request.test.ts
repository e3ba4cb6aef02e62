import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command, fixture, makeHome, pidOf } from './command.ts';
import { Load } from './load.ts';

test('a request goes through gateway and two services under one request id, and every answer is its own caller’s', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', fixture('journey/tutti.ts')], { REPLICAS: '2' });
  const status = await app.ready();
  const url = await app.url();

  const answer = await fetch(`${url}/ask/hello`, { headers: { 'x-request-id': 'journey-1' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('x-request-id'), 'journey-1');
  const body = (await answer.json()) as { text: string; pid: number; requestId: string };
  assert.equal(body.text, 'hello');
  assert.equal(body.requestId, 'journey-1', 'the id reached the second service');
  assert.ok([pidOf(status, 'echo#1'), pidOf(status, 'echo#2')].includes(body.pid));
  await app.hears('"requestId":"journey-1"');

  const load = new Load(
    20,
    (n) => fetch(`${url}/ask/n${String(n)}`),
    (n, text) =>
      (JSON.parse(text) as { text: string }).text === `n${String(n)}`
        ? undefined
        : `answer of another: ${text}`,
  );
  await load.more(1_500);
  const tally = await load.stop();
  assert.deepEqual(tally.failures, []);
  const pids = new Set<number>();
  for (let n = 0; n < 40; n += 1)
    pids.add(((await (await fetch(`${url}/say/x`)).json()) as { pid: number }).pid);
  assert.equal(pids.size, 2, 'both replicas serve');
});

test('a deadline travels: the callee is told to stop and the client gets 504 in time', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', fixture('journey/tutti.ts')]);
  await app.ready();
  const url = await app.url();
  const before = performance.now();
  const late = await fetch(`${url}/say/slow?waitMs=5000`, { headers: { 'request-timeout': '1' } });
  const tookMs = performance.now() - before;
  assert.equal(late.status, 504);
  assert.equal(((await late.json()) as { code: string }).code, 'CALL_TIMED_OUT');
  assert.ok(tookMs >= 950 && tookMs < 3_000, `${String(tookMs)} ms`);
});

test('counters are exact over all processes and outlive each of them', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', fixture('journey/tutti.ts')], { REPLICAS: '3' });
  const status = await app.ready();
  const url = await app.url();
  const pay = (n: number): Promise<Response> =>
    fetch(`${url}/pay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ n }),
    });
  const load = new Load(12, pay);
  await load.more(600);
  const { asked, failures } = await load.stop();
  assert.deepEqual(failures, []);
  await app.until('all are counted', ({ shared }) => shared['paid'] === asked);
  for (const slot of ['echo#1', 'echo#2', 'echo#3']) process.kill(pidOf(status, slot), 'SIGKILL');
  process.kill(status.pids.supervisor, 'SIGKILL');
  await app.until(
    'all are back',
    ({ pids, services }) =>
      pids.supervisor !== status.pids.supervisor && services.every(({ ready, wanted }) => ready >= wanted),
  );
  assert.equal((await app.status()).shared['paid'], asked);
  assert.equal((await pay(0)).status, 200);
  await app.until('and it goes on from there', ({ shared }) => shared['paid'] === asked + 1);
});
