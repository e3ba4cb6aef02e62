/** Every row of the shop's contract, asked over HTTP as a client asks, and the actions as `tutti call` asks. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestApp } from 'tutti/testing';

type Body = Record<string, unknown>;
interface Answer {
  readonly status: number;
  readonly body: Body;
}
type App = Awaited<ReturnType<typeof startTestApp>>;

const folder = await mkdtemp(join(tmpdir(), 'shop-'));
after(() => rm(folder, { recursive: true }));

const startShop = (name: string, options: { readonly processes?: true } = {}): Promise<App> =>
  startTestApp(new URL('./tutti.ts', import.meta.url), {
    env: { DATABASE_URL: `sqlite:${join(folder, name)}`, GATEWAY_PORT: '0' },
    ...options,
  });

type Ask = (route: string, body?: unknown) => Promise<Answer>;

/** `asking(app)('POST /users', body)`; a text as body is sent as it is. */
const asking =
  (app: App, headers: Record<string, string> = {}): Ask =>
  async (route, body) => {
    const [method = '', path = ''] = route.split(' ');
    const answer = await fetch(new URL(path, app.gatewayUrl('public')), {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Body };
  };

/** The answer without its request id, which must be there. */
function shown({ status, body }: Answer): Answer {
  const { request_id: requestId, ...rest } = body;
  assert.match(String(requestId), /^\S{8,}$/);
  return { status, body: rest };
}

/** A refusal in the shop's shape. */
function assertRefused(answer: Answer, status: number, message?: string | RegExp): void {
  const { body } = shown(answer);
  assert.deepEqual([answer.status, body['status']], [status, 'error'], JSON.stringify(answer.body));
  const text = String(body['message']);
  if (typeof message === 'string') assert.equal(text, message);
  else assert.match(text, message ?? /./);
}

suite('the shop', () => {
  let app: App;
  let ask: Ask;
  before(async () => {
    app = await startShop('contract');
    ask = asking(app);
  });
  after(() => app[Symbol.asyncDispose]());

  const newUser = (username: string) => ask('POST /users', { username, email: `${username}@example.com` });
  async function userId(username: string): Promise<number> {
    const { body } = await newUser(username);
    return (body['user'] as { id: number }).id;
  }

  test('GET / says what there is', async () => {
    const { status, body } = await ask('GET /');
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ['message', 'version', 'endpoints']);
    assert.deepEqual(Object.keys(body['endpoints'] as Body), [
      'users',
      'orders',
      'notifications',
      'services',
      'health',
    ]);
  });

  test('GET /health is healthy while all services are', async () => {
    const { status, body } = await ask('GET /health');
    assert.deepEqual([status, body['status'], typeof body['message']], [200, 'healthy', 'string']);
  });

  test('a user is created, and found again', async () => {
    const created = shown(await newUser('ann'));
    const { id } = created.body['user'] as { id: number };
    const user = { id, username: 'ann', email: 'ann@example.com' };
    const message = 'User created successfully';
    assert.deepEqual(created, { status: 201, body: { status: 'success', message, user } });
    assert.deepEqual(shown(await ask(`GET /users/${String(id)}`)), {
      status: 200,
      body: { status: 'success', user },
    });
  });

  test('a username or an e-mail that somebody has is refused, and it is said which', async () => {
    await newUser('bob');
    const same = { username: 'bob', email: 'bob@example.com' };
    const byName = await ask('POST /users', { ...same, email: 'other@example.com' });
    assertRefused(byName, 409, 'The username bob is already taken');
    const byEmail = await ask('POST /users', { ...same, username: 'other' });
    assertRefused(byEmail, 409, 'The email bob@example.com is already taken');
  });

  test('what is not a user is refused, in the shape of the shop', async () => {
    const user = { username: 'eve', email: 'eve@example.com' };
    const bad: unknown[] = [
      ...[
        {},
        { username: 'eve' },
        { ...user, username: '' },
        { ...user, username: '  ' },
        { ...user, username: 5 },
      ],
      ...[
        { ...user, email: 'eve' },
        { ...user, admin: true },
        { ...user, id: 7 },
        { ...user, username: 'a\0b' },
      ],
      ...[{ ...user, username: 'x'.repeat(101) }, [], 'null', '"text"', '{"username":', ''],
    ];
    for (const body of bad) assertRefused(await ask('POST /users', body), 400);
    const { body } = await ask('POST /users', { ...user, username: '' });
    assert.equal((body['errors'] as { path: string }[])[0]?.path, 'username');
  });

  test('another media type than JSON is refused with 415', async () => {
    const types = [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
    ];
    for (const type of types)
      assertRefused(await asking(app, { 'content-type': type })('POST /users', 'username=eve'), 415);
  });

  test('an unknown user, order or route is not found', async () => {
    assertRefused(await ask('GET /users/99'), 404, 'User 99 not found');
    assertRefused(await ask('GET /orders/99'), 404, 'Order 99 not found');
    assertRefused(await ask('GET /nowhere'), 404);
  });

  test('N-53 an id that is not a whole number from 1 is refused', async () => {
    const ids = [
      'abc',
      '0',
      '-1',
      '1.5',
      '1e3',
      '9007199254740992',
      '__proto__',
      'constructor',
      '%F0%9F%98%80',
      '%00',
    ];
    for (const kind of ['users', 'orders'])
      for (const id of ids) assertRefused(await ask(`GET /${kind}/${id}`), 400);
  });

  test('a list comes page by page until there is no next cursor', async () => {
    for (const name of ['page1', 'page2', 'page3']) await newUser(name);
    const all = (await ask('GET /users')).body['users'] as { id: number }[];
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const { body } = await ask(`GET /users?limit=2${cursor}`);
      const users = body['users'] as unknown[];
      assert.equal(body['count'], users.length);
      seen.push(...users);
      cursor = 'next_cursor' in body ? `&cursor=${String(body['next_cursor'])}` : '';
    } while (cursor !== '');
    assert.deepEqual(seen, all);
  });

  test('N-52 a limit out of range, an invented cursor and an unknown parameter are refused', async () => {
    const bad = ['limit=0', 'limit=-1', 'limit=1001', 'limit=NaN', 'limit=1.5', 'limit=', 'limit=1&limit=2'];
    for (const query of [...bad, 'cursor=', 'cursor=xyz', 'cursor=YWZ0ZXI6LTE', 'offset=3'])
      for (const kind of ['users', 'orders']) assertRefused(await ask(`GET /${kind}?${query}`), 400);
  });

  test('an order of a known user is placed, found again and told about', async () => {
    const sentBefore = (await app.call('NotificationService.get_stats', {})) as {
      notifications_sent: number;
    };
    const user_id = await userId('buyer');
    const created = shown(await ask('POST /orders', { user_id, product: 'tea' }));
    const { id } = created.body['order'] as { id: number };
    const order = { id, user_id, product: 'tea', quantity: 1, status: 'created' };
    const message = 'Order created successfully';
    assert.deepEqual(created, { status: 201, body: { status: 'success', message, order } });
    const found = shown(await ask(`GET /orders/${String(id)}`));
    assert.deepEqual(found.body, { status: 'success', order });
    const listed = (await ask('GET /orders')).body['orders'] as unknown[];
    assert.deepEqual(listed.at(-1), order);
    await untilSent(app, sentBefore.notifications_sent + 1);
  });

  test('orders are streamed as they are placed, and a reader that comes back misses none', async () => {
    const user_id = await userId('watcher');
    const place = async (product: string): Promise<number> =>
      ((await ask('POST /orders', { user_id, product })).body['order'] as { id: number }).id;
    const first = await place('before');
    const url = new URL('/orders/stream', app.gatewayUrl('public'));
    const reader = await watch(url);
    const second = await place('while');
    assert.equal((await reader.next()).id, second);
    await reader.leave();
    const third = await place('away');
    const back = await watch(url, String(first));
    assert.deepEqual([(await back.next()).id, (await back.next()).id], [second, third]);
    await back.leave();
  });

  /** Reads Server-Sent Events, as a browser does. */
  async function watch(url: URL, lastEventId?: string) {
    const answer = await fetch(
      url,
      lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } },
    );
    const body = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let held = '';
    return {
      next: async (): Promise<{ id: number }> => {
        for (;;) {
          const data = /^data: (.*)\n\n/m.exec(held);
          if (data !== null) {
            held = held.slice(data.index + data[0].length);
            return JSON.parse(data[1] ?? '') as { id: number };
          }
          held += (await body?.read())?.value ?? assert.fail('the stream has ended');
        }
      },
      leave: () => body?.cancel(),
    };
  }

  test('many users are imported at once; those that are refused are told by their line', async () => {
    const rows = [
      { username: 'import1', email: 'import1@example.com' },
      { username: 'import1', email: 'again@example.com' },
      { username: '', email: 'import2@example.com' },
      'no user',
      ...Array.from({ length: 200 }, (_hole, at) => ({
        username: `bulk${String(at)}`,
        email: `bulk${String(at)}@example.com`,
      })),
    ];
    const body = rows.map((row) => JSON.stringify(row)).join('\n');
    const answer = await asking(app, { 'content-type': 'application/x-ndjson' })('POST /users/import', body);
    const { imported, refused, refusals } = shown(answer).body as {
      imported: number;
      refused: number;
      refusals: { row: number; message: string }[];
    };
    assert.deepEqual([answer.status, imported, refused], [200, 201, 3]);
    assert.deepEqual(
      refusals.map(({ row }) => row),
      [2, 3, 4],
    );
    assert.match(refusals[0]?.message ?? '', /username taken: import1/);
  });

  test('an order has an invoice, the same each time, and what is no order has none', async () => {
    const user_id = await userId('payer');
    const { id } = (await ask('POST /orders', { user_id, product: 'Grüner Tee' })).body['order'] as {
      id: number;
    };
    const invoice = async (): Promise<Response> =>
      fetch(new URL(`/orders/${String(id)}/invoice`, app.gatewayUrl('public')));
    const answer = await invoice();
    assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
    const text = await answer.text();
    assert.match(text, new RegExp(`^INVOICE ${String(id)}\n[^]*Grüner Tee[^]*\nSeal {6}[\\w-]{32}\n$`));
    assert.equal(await (await invoice()).text(), text);
    assertRefused(await ask('GET /orders/99999/invoice'), 404, 'Order 99999 not found');
  });

  test('an order of an unknown user is refused, and none is stored', async () => {
    const { count } = (await ask('GET /orders')).body;
    assertRefused(await ask('POST /orders', { user_id: 99_999, product: 'x' }), 404, 'User 99999 not found');
    assert.equal((await ask('GET /orders')).body['count'], count);
  });

  test('N-52 a quantity that is not a whole number from 1 is refused', async () => {
    const user_id = await userId('counter');
    for (const quantity of [0, -1, -2, 1.5, 2 ** 53, '2', null])
      assertRefused(await ask('POST /orders', { user_id, product: 'tea', quantity }), 400);
  });

  test('one Idempotency-Key places one order, also when it comes many times at once', async () => {
    const user_id = await userId('clicker');
    const order = { user_id, product: 'tea', quantity: 2 };
    const place = () => asking(app, { 'idempotency-key': 'click' })('POST /orders', order);
    const answers = [...(await Promise.all(Array.from({ length: 10 }, place))), await place()].map(shown);
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    assert.equal(answers[0]?.status, 201);
    const other = await asking(app, { 'idempotency-key': 'click' })('POST /orders', {
      ...order,
      quantity: 3,
    });
    assertRefused(other, 409, 'This Idempotency-Key was used for another request: take a new one');
    const orders = (await ask('GET /orders?limit=1000')).body['orders'] as { user_id: number }[];
    assert.equal(orders.filter((stored) => stored.user_id === user_id).length, 1);
  });

  test('a notification is sent by e-mail, sms or push, and nothing else', async () => {
    const send = (type?: string) => ask('POST /notifications', { user_id: 1, message: 'Hello', type });
    const sent = (message: string) => ({ status: 200, body: { status: 'success', message, user_id: 1 } });
    assert.deepEqual(shown(await send()), sent('Email notification sent'));
    assert.deepEqual(shown(await send('sms')), sent('Sms notification sent'));
    assert.deepEqual(shown(await send('push')), sent('Push notification sent'));
    assertRefused(await send('pigeon'), 400);
    assertRefused(await ask('POST /notifications', { user_id: 1, message: '' }), 400);
  });

  test('GET /services tells of all services, and of each its health', async () => {
    const { status, body } = await ask('GET /services');
    assert.deepEqual([status, body['status'], body['count']], [200, 'success', 4]);
    const services = body['services'] as Record<string, Body>;
    assert.deepEqual(Object.keys(services).sort(), [
      ...['InvoiceService', 'NotificationService', 'OrderService', 'UserService'],
    ]);
    for (const name of Object.keys(services)) {
      const { pid, stats, instances } = services[name] as { pid: number; stats: Body; instances: unknown[] };
      assert.equal(typeof pid, 'number');
      for (const key of ['requests', 'started_at', 'last_heartbeat']) assert.ok(key in stats, key);
      assert.equal(instances.length, 1);
      const health = await ask(`GET /services/${name}/health`);
      assert.deepEqual(
        [health.status, health.body['service'], health.body['health']],
        [200, name, 'healthy'],
      );
    }
    assertRefused(await ask('GET /services/NobodyService/health'), 404);
  });

  test('the actions without a route are there for other services and for the shell', async () => {
    const user_id = await userId('valid');
    assert.deepEqual(await app.call('UserService.validate_user', { user_id }), { valid: true, user_id });
    const unknown = { valid: false, user_id: 99_999 };
    assert.deepEqual(await app.call('UserService.validate_user', { user_id: 99_999 }), unknown);
    await assert.rejects(app.call('UserService.get_user', { id: 99_999 }), { code: 'NOT_FOUND' });
  });

  test('streams too', async () => {
    await streamsOf(app, 'here');
  });
});

/** Events are delivered after the answer: asks until the counter is there; the test's own time limit ends it. */
async function untilSent(app: App, count: number): Promise<void> {
  for (;;) {
    const stats = (await app.call('NotificationService.get_stats', {})) as { notifications_sent: number };
    if (stats.notifications_sent >= count) return;
    await pause(10);
  }
}

/** Of real processes and of one alike. */
async function streamsOf(app: App, name: string): Promise<void> {
  const users = [1, 2].map((number) => ({
    username: `${name}${String(number)}`,
    email: `${name}${String(number)}@example.com`,
  }));
  const report = await app.stream('UserService.import_users', {}, users).result;
  assert.equal((report as Body)['imported'], 2);
  const [found] = ((await app.call('UserService.list_users', {})) as { users: Body[] }).users;
  const order = { user_id: found?.['id'], product: 'tea' };
  const placed = (await app.call('OrderService.create_order', order)) as { order: { id: number } };
  const { id } = placed.order;
  for await (const seen of app.stream('OrderService.watch_orders', { after: id - 1 })) {
    assert.equal((seen as Body)['id'], id);
    break;
  }
  const wrong = app.stream('OrderService.watch_orders', { after: -1 });
  await assert.rejects(Array.fromAsync(wrong), { code: 'INVALID_INPUT' });
  await assert.rejects(wrong.result, { code: 'INVALID_INPUT' });
}

test('what was stored, counted and announced survives the death of every service', async () => {
  await using app = await startShop('deaths', { processes: true });
  const ask = asking(app);
  const user = { username: 'ann', email: 'ann@example.com' };
  assert.equal((await ask('POST /users', user)).status, 201);
  const order = { user_id: 1, product: 'tea' };
  const placed = shown(await asking(app, { 'idempotency-key': 'once' })('POST /orders', order));
  await ask('POST /notifications', { user_id: 1, message: 'Hello' });

  for (const service of ['UserService', 'OrderService', 'NotificationService']) {
    await app.kill(`${service}#1`);
    await app.until(service, 'ready');
  }
  assert.deepEqual((await ask('GET /users/1')).body['user'], { id: 1, ...user });
  assert.deepEqual(shown(await asking(app, { 'idempotency-key': 'once' })('POST /orders', order)), placed);
  // One for the order and one for the hello, though whoever counted them has died since.
  await untilSent(app, 2);
  await app.stop('NotificationService');
  assert.equal((await ask('POST /orders', { ...order, product: 'coffee' })).status, 201);
  await app.start('NotificationService');
  await app.until('NotificationService', 'ready');
  await untilSent(app, 3);

  const { services } = await app.status();
  const store = services.find(({ name }) => name.startsWith('store'))?.instances[0]?.pid ?? assert.fail();
  process.kill(store, 'SIGSTOP');
  const whileItHangs = await ask('POST /orders', { ...order, product: 'milk' });
  process.kill(store, 'SIGCONT');
  assert.equal(whileItHangs.status, 201, 'an order that stands is answered for');
  await untilSent(app, 4);
  await streamsOf(app, 'there');
});
