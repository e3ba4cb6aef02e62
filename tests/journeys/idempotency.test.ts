/** One `Idempotency-Key`, one effect: whoever asks again, however many at once, whatever dies meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Command, fixture, makeHome, pidOf } from './command.ts';
import { slowTest } from '../fuzz/chance.ts';

const till = fixture('store/tutti.ts');

interface Answered {
  readonly status: number;
  readonly body: unknown;
  readonly isReplayed: boolean;
}

async function place(url: string, key: string, order: object): Promise<Answered> {
  const answer = await fetch(`${url}/orders`, {
    method: 'POST',
    // Of a connection that is kept the process at its other end may be the one that dies.
    headers: { 'content-type': 'application/json', 'idempotency-key': key, connection: 'close' },
    body: JSON.stringify(order),
  });
  const isReplayed = answer.headers.get('idempotent-replayed') === 'true';
  return { status: answer.status, body: await answer.json(), isReplayed };
}

const codeOf = ({ body }: Answered): unknown => (body as { code?: unknown }).code;
const timesOf = async (url: string, product: string): Promise<number> =>
  ((await (await fetch(`${url}/orders/${product}`)).json()) as { times: number }).times;

test('who asks again with a key gets the first answer; with another request it is refused', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', till]);
  await app.ready();
  const url = await app.url();
  const first = await place(url, 'k1', { product: 'tea' });
  assert.deepEqual(first, { status: 201, body: { product: 'tea', times: 1, pad: '' }, isReplayed: false });
  assert.deepEqual(await place(url, 'k1', { product: 'tea' }), { ...first, isReplayed: true });
  const other = await place(url, 'k1', { product: 'milk' });
  assert.deepEqual([other.status, codeOf(other)], [409, 'IDEMPOTENCY_KEY_REUSED']);
  assert.equal((await place(url, 'k2', { product: 'tea' })).status, 201);
  assert.deepEqual([await timesOf(url, 'tea'), await timesOf(url, 'milk')], [2, 0]);
});

test('an error of the action is an answer like any other; a bug and a wrong input may be asked again', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', till]);
  await app.ready();
  const url = await app.url();
  for (const again of [false, true])
    assert.equal(codeOf(await place(url, 'gone', { product: 'gone' })), 'SOLD_OUT', String(again));
  assert.equal(await timesOf(url, 'gone'), 1);
  assert.equal((await place(url, 'broken', { product: 'broken' })).status, 500);
  assert.equal((await place(url, 'broken', { product: 'broken' })).status, 201);
  assert.equal((await place(url, 'typo', { product: 7 })).status, 400);
  assert.equal((await place(url, 'typo', { product: 'tea' })).status, 201);
});

test('a hundred at once with one key are one order, and get one answer', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', till]);
  await app.ready();
  const url = await app.url();
  const order = { product: 'tea', ms: 300 };
  const answers = await Promise.all(Array.from({ length: 100 }, () => place(url, 'one', order)));
  assert.equal(new Set(answers.map(({ status, body }) => JSON.stringify([status, body]))).size, 1);
  assert.deepEqual(answers[0]?.body, { product: 'tea', times: 1, pad: '' });
  assert.equal(answers.filter(({ isReplayed }) => !isReplayed).length, 1);
  assert.equal(await timesOf(url, 'tea'), 1);
});

test('the owner of the store is killed under load: nobody hears of it, and nothing is done twice', async (context) => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', till]);
  const status = await app.ready();
  const url = await app.url();
  let owner = pidOf(status, 'store:main#1');
  let asked = 0;
  const deaths = 3;
  let isOver = false;
  const clients = Array.from({ length: 8 }, async (_none, client) => {
    const told: Answered[] = [];
    for (let n = 0; !isOver; n += 1, asked += 1) {
      const product = `p${String(client)}-${String(n)}`;
      const both = await Promise.all([1, 2].map(() => place(url, product, { product, ms: 5 })));
      told.push(...both);
      await pause(10);
    }
    return told;
  });
  for (let death = 0; death < deaths; death += 1) {
    const before = asked;
    await app.until('some orders more', () => asked > before + 40);
    process.kill(owner, 'SIGKILL');
    const now = await app.until('another owner', (next) =>
      next.services.some(({ instances }) =>
        instances.some(
          ({ slot, pid, state }) => slot === 'store:main#1' && state === 'ready' && pid !== owner,
        ),
      ),
    );
    owner = pidOf(now, 'store:main#1');
  }
  isOver = true;
  const told = (await Promise.all(clients)).flat();
  context.diagnostic(
    `${String(told.length)} requests, two with each key, ${String(deaths)} deaths of the owner`,
  );
  assert.deepEqual(
    new Set(
      told.map(
        ({ status: got, body }) =>
          `${String(got)} ${String(codeOf({ status: got, body, isReplayed: false }))}`,
      ),
    ),
    new Set(['201 undefined']),
  );
  assert.deepEqual(new Set(told.map(({ body }) => (body as { times: number }).times)), new Set([1]));
});

slowTest('the next start of the app knows the key', async () => {
  using home = makeHome();
  let first: Answered | undefined;
  {
    await using app = new Command(home.folder, ['start', till]);
    await app.ready();
    first = await place(await app.url(), 'kept', { product: 'tea' });
  }
  await using app = new Command(home.folder, ['start', till]);
  await app.ready();
  assert.deepEqual(await place(await app.url(), 'kept', { product: 'tea' }), { ...first, isReplayed: true });
  assert.equal(await timesOf(await app.url(), 'tea'), 0);
});

test('an answer that is too large to be kept goes out once, and is not made again', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', till]);
  await app.ready();
  const url = await app.url();
  const order = { product: 'tea', pad: 800_000 };
  assert.equal((await place(url, 'large', order)).status, 201);
  const again = await place(url, 'large', order);
  assert.deepEqual([again.status, codeOf(again)], [409, 'CONFLICT']);
  assert.equal(await timesOf(url, 'tea'), 1);
});
