import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemText } from '../../src/core/options.ts';
import { checkApp, isLoopback } from '../../src/define/check-app.ts';
import { checkTogether } from '../../src/define/check-together.ts';
import { isReservedRoute } from '../../src/define/reserved-routes.ts';

const users = { module: './users.ts' };
const fine = { kind: 'app', name: 'shop', services: { users } };
const told = (change: object): string[] => checkApp({ ...fine, ...change }).map(problemText);

test('an app of one service is fine', () => {
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ gateways: { public: { services: ['users'] } } }), []);
});

for (const app of [undefined, null, 5, [], {}, { name: 'shop', services: { users } }]) {
  test(`${JSON.stringify(app)} is no app`, () => {
    assert.deepEqual(checkApp(app).map(problemText), [
      'the app file must export an app: `export default defineApp({...})`',
    ]);
  });
}

const refusals: [string, object, string[]][] = [
  [
    'a name with a space',
    { name: 'my shop' },
    ['name: expected a name of letters, digits, "_" and "-", got "my shop"'],
  ],
  ['no services', { services: {} }, ['services: expected at least one service']],
  [
    'a gateway for services that are not there, or for none',
    { gateways: { a: { services: ['user', 5] }, b: { services: [] }, c: { services: 'users' } } },
    [
      'gateways.a.services[0]: no service of this app is named "user"; did you mean "users"?',
      'gateways.a.services[1]: no service of this app is named 5',
      'gateways.b.services: expected at least one name of a service',
      'gateways.c.services: expected a list of names of services, got "users"',
    ],
  ],
  [
    'a level nobody has',
    { logLevel: 'loud' },
    ['logLevel: expected one of debug, info, warn, error, got "loud"'],
  ],
  [
    'a pool with a typo, no process and replicas beside it',
    { services: { users: { ...users, replicas: 2, pool: { size: 0, spare: 1 } } } },
    [
      'services.users.pool.spare: unknown option "spare"; did you mean "spares"?',
      'services.users.pool.size: expected a whole number from 1 to 64, got 0',
      'services.users.replicas: a pool says how many there are by `pool.size` and `pool.spares`; leave one of the two out',
    ],
  ],
  ['a typo at the top', { gatways: {} }, ['gatways: unknown option "gatways"; did you mean "gateways"?']],
  [
    'an option of the app that is no number',
    { orphanGrace: '5s' },
    ['orphanGrace: expected a whole number >= 0, got "5s"'],
  ],
  [
    'queues of a gateway that are no list of names',
    { gateways: { one: { jobs: 'mail' }, two: { jobs: ['mail', 7, 'mail'] } } },
    [
      'gateways.one.jobs: expected a list of queues, got "mail"',
      'gateways.two.jobs.1: expected the name of a queue, got 7',
      'gateways.two.jobs.2: "mail" is named twice',
    ],
  ],
  [
    'a policy for all',
    { restart: { maxRestarts: 'three' } },
    ['restart.maxRestarts: expected a whole number >= 0, got "three"'],
  ],
  [
    'a service that is no object',
    { services: { users: './users.ts' } },
    ['services.users: expected an object, got "./users.ts"'],
  ],
  [
    'a service without a module',
    { services: { users: {} } },
    ['services.users.module: expected the path of a module, got undefined'],
  ],
  ...(
    [
      [{ min: 1, max: 4 }],
      [{ max: 256 }],
      [{ min: 4, max: 1 }, 'min: must not be more than max (1), is 4'],
      [{ min: 2 }, 'max: expected how many at most, as in { min: 1, max: 4 }'],
      [{ min: 0, max: 4 }, 'min: expected a whole number from 1 to 256, got 0'],
      [{ min: 1, max: 1.5 }, 'max: expected a whole number from 1 to 256, got 1.5'],
      [{ max: 257 }, 'max: expected a whole number from 1 to 256, got 257'],
      [{ max: 4, maxx: 5 }, 'maxx: unknown option "maxx"; did you mean "max"?'],
    ] as const
  ).map(([replicas, problem]): [string, object, string[]] => [
    `replicas: ${JSON.stringify(replicas)}`,
    { services: { users: { ...users, replicas } } },
    problem === undefined ? [] : [`services.users.replicas.${problem}`],
  ]),
  ['a store', { store: {} }, []],
  ['a store in a file', { store: { url: 'sqlite:data/shop.db' } }, []],
  [
    'a store that nobody knows, with a password',
    { store: { url: 'mysql://ada:secret@host' } },
    [
      'store.url: expected "sqlite:" and perhaps the path of a file, or a URL of "redis:", "rediss:" or "postgres:"',
    ],
  ],
  ['a store in Redis', { store: { url: 'redis://:secret@host', name: 'shop-1', requireAck: 'disk' } }, []],
  [
    'a store with a class that is none',
    { store: { url: 'redis://host', requireAck: 'disc' } },
    ['store.requireAck: expected one of "memory", "process", "disk", "replicated", got "disc"'],
  ],
  [
    'a store with a name that is none',
    { store: { url: 'redis://host', name: 'a{b}' } },
    ['store.name: expected up to 64 letters, digits, "-", "_" and ".", got "a{b}"'],
  ],
  [
    'a store in a file, with a name',
    { store: { name: 'shop' } },
    ['store.name: a store in a file has the name of its file: leave this out'],
  ],
  [
    'a store in a file that is to survive the machine',
    { store: { requireAck: 'replicated' } },
    ['store.requireAck: a store in a file survives the loss of power ("disk"), and no more'],
  ],
  ['a store with a typo', { store: { ulr: 'x' } }, ['store.ulr: unknown option "ulr"; did you mean "url"?']],
  ['a store that is a text', { store: 'sqlite:' }, ['store: expected an object, got "sqlite:"']],
  [
    'a list of replicas',
    { services: { users: { ...users, replicas: [1, 4] } } },
    ['services.users.replicas: expected a whole number from 0 to 256, got a list'],
  ],
  [
    'a gateway whose number is a range',
    { gateways: { public: { replicas: { min: 1, max: 2 } } } },
    ['gateways.public.replicas: expected a whole number from 1 to 64, got an object'],
  ],
  [
    'a name of every object as an option',
    { services: { users: { ...users, toString: 1 } } },
    ['services.users.toString: unknown option "toString"'],
  ],
  [
    'a service that is named with a colon',
    { services: { 'gateway:x': users } },
    ['services.gateway:x: a service is named by letters, digits, "_" and "-"'],
  ],
  [
    'a policy of one service',
    { services: { users: { ...users, restart: { maxRestart: 1 } } } },
    ['services.users.restart.maxRestart: unknown option "maxRestart"; did you mean "maxRestarts"?'],
  ],
  [
    'a config that is a list',
    { services: { users: { ...users, config: [1] } } },
    ['services.users.config: expected an object, got a list'],
  ],
  [
    'a gateway for all the world, unsaid',
    { gateways: { public: { host: '0.0.0.0' } } },
    ['gateways.public.host: "0.0.0.0" can be reached from outside this machine; say so with `exposed: true`'],
  ],
  [
    'a port that is none',
    { gateways: { public: { port: 65_536 } } },
    ['gateways.public.port: expected a whole number from 0 to 65535, got 65536'],
  ],
  [
    'a gateway that nobody may connect to',
    { gateways: { public: { maxConnections: 0 } } },
    ['gateways.public.maxConnections: expected a whole number from 1 to 100000, got 0'],
  ],
  [
    'hooks that are no path',
    { gateways: { public: { hooks: () => 1 } } },
    ['gateways.public.hooks: expected the path of a module, got a function'],
  ],
  [
    'heartbeats that are stale before they are due',
    { health: { beat: 5_000 } },
    ['health.beat: must be shorter than staleAfter (3000 ms), is 5000 ms'],
  ],
  [
    'a service whose own health does not fit what the app says',
    { health: { heartbeatTimeout: 5_000 }, services: { users: { ...users, health: { staleAfter: 6_000 } } } },
    ['services.users.health.staleAfter: must be shorter than heartbeatTimeout (5000 ms), is 6000 ms'],
  ],
];
for (const [name, change, expected] of refusals) {
  test(`${name} is refused with its path`, () => {
    assert.deepEqual(told(change), expected);
  });
}

test('all that is wrong is told at once', () => {
  assert.equal(
    told({ name: '', logLevel: 1, services: { 'a b': { modul: 1 } }, gateways: { g: { port: -1 } }, x: 1 })
      .length,
    7,
  );
});

test('N-87 a variable that decides what code runs, or that is none, is refused', () => {
  const env = {
    LD_PRELOAD: 'x',
    NODE_OPTIONS: '-r x',
    'A=B': 'x',
    '$(id)': 'x',
    OK_1: 'x',
    NUL: 'a\u0000b',
    ONE: 1,
  };
  const paths = checkApp({ ...fine, services: { users: { ...users, env } } }).map(({ path }) => path);
  assert.deepEqual(
    paths,
    ['LD_PRELOAD', 'NODE_OPTIONS', 'A=B', '$(id)', 'NUL', 'ONE'].map((key) => `services.users.env.${key}`),
  );
});

test('N-49 N-53 names that JSON may bring are refused or names like others', () => {
  const services = JSON.parse(
    '{"__proto__":{"module":"./x.ts"},"constructor":{"module":"./x.ts"}}',
  ) as object;
  assert.deepEqual(told({ services }), [
    'services.__proto__: a service is named by letters, digits, "_" and "-"',
  ]);
  assert.equal(({} as Record<string, unknown>)['module'], undefined);
});

test('N-85 no control character of a name reaches the terminal', () => {
  const text = told({ services: { '\u001b[2J\u009b\n': users }, '\u001b]0;': 1 }).join();
  assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f]/);
});

test('gateways count among the instances an app may have', () => {
  const app = {
    name: 'shop',
    services: { users: { ...users, replicas: { min: 1, max: 256 } } },
    gateways: { a: { replicas: 64 } },
  };
  const many = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, app.services.users]));
  const empty = { app: 'shop', services: {} };
  assert.deepEqual(checkTogether({ ...app, services: many }, empty).map(problemText), [
    'services: 1088 instances are wanted, 1024 are allowed',
  ]);
  assert.deepEqual(checkTogether(app, empty), []);
});

test('loopback is what only this machine reaches', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.com', 'localhost.evil.com', '127.0.0'])
    assert.ok(!isLoopback(host), host);
});

test('what the gateway serves itself is reserved, what it finds after an action is not', () => {
  for (const path of ['/health', '/docs/', '/docs/x/y', '/services/users/health', '/services/:any/health'])
    assert.ok(isReservedRoute(path), path);
  for (const path of ['/', '/:page', '/healthy', '/services/users', '/health/x'])
    assert.ok(!isReservedRoute(path), path);
});

test('a stream or a subscription in a pool is refused, and a pool counts with its spares', () => {
  const pooled = { name: 'shop', services: { users: { ...users, pool: { size: 63, spares: 64 } } } };
  const manifest = {
    ...{ name: 'users', version: '1', needs: [], mayCall: [], errors: {}, hash: '' },
    actions: {
      list: { input: {}, stream: {}, idempotent: true, concurrency: 1, hash: '' },
      talk: {
        ...{ input: {}, channel: { receives: {}, sends: {} } },
        ...{ idempotent: true, concurrency: 1, hash: '' },
      },
    },
    events: { 'cache.cleared': { mode: 'broadcast', schema: {} } },
  } as const;
  const found = checkTogether(pooled, { app: 'shop', services: { users: manifest } }).map(problemText);
  assert.deepEqual(found, [
    'services.users.actions.list: a service in a pool takes plain calls only, and this is a stream or a channel: move it to a service without `pool`',
    'services.users.actions.talk: a service in a pool takes plain calls only, and this is a stream or a channel: move it to a service without `pool`',
    'services.users.events.cache.cleared: a service in a pool takes plain calls only: subscribe in a service without `pool`, and call the pool from there',
  ]);
  const many = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [`s${String(n)}`, pooled.services.users]),
  );
  assert.deepEqual(
    checkTogether({ name: 'shop', services: many }, { app: 'shop', services: {} }).map(problemText),
    ['services: 1143 instances are wanted, 1024 are allowed'],
  );
});

const durable = { mode: 'durable', schema: {}, durable: { attempts: 1 } };
const manifestOf = (mode: string): Parameters<typeof checkTogether>[1] =>
  ({
    app: 'shop',
    services: {
      users: { name: 'users', needs: [], mayCall: [], actions: {}, events: { 'a.b': { ...durable, mode } } },
    },
  }) as unknown as Parameters<typeof checkTogether>[1];

const withRoute = (name: string): object => ({
  ...{ name, needs: [], mayCall: [], events: {} },
  actions: { list: { http: { method: 'GET', path: '/list', status: 200 } } },
});

test('two services have the same route only where no gateway serves both', () => {
  const manifest = { app: 'shop', services: { users: withRoute('users'), orders: withRoute('orders') } };
  const check = (gateways?: Record<string, object>): string[] =>
    checkTogether(
      { name: 'shop', services: { users, orders: users }, ...(gateways && { gateways }) },
      manifest as unknown as Parameters<typeof checkTogether>[1],
    ).map(problemText);
  const clash = ['services.orders.actions.list.http: GET /list is the route of users.list already'];
  const [forUsers, forOrders] = [{ services: ['users'] }, { services: ['orders'] }];
  assert.deepEqual(check({ a: forUsers, b: forOrders }), []);
  assert.deepEqual(check({ a: forUsers, b: {} }), clash);
  assert.deepEqual(check({ a: { services: ['orders', 'users'] } }), clash);
  assert.deepEqual(check(), clash);
});

test('a durable event wants a store', () => {
  const app = { name: 'shop', services: { users } };
  const check = (more: object, mode = 'durable'): string[] =>
    checkTogether({ ...app, ...more }, manifestOf(mode)).map(problemText);
  assert.deepEqual(check({}), [
    'services.users.events.a.b: a durable event is kept in the store of the app, which has none: add `store: {}` to the app file',
  ]);
  assert.deepEqual([check({ store: {} }), check({}, 'balanced')], [[], []]);
});

test('a queue that nobody of the app does the jobs of is not shown by a gateway', () => {
  const app = { ...fine, store: {}, gateways: { public: { jobs: ['mail', 'mial'] } } } as const;
  const none = { needs: [], mayCall: [], errors: {}, actions: {}, events: {}, version: '1', hash: '' };
  const queues = { mail: { input: {}, manifest: {} as never } };
  const manifest = { app: 'shop', services: { users: { ...none, name: 'users', queues } } };
  assert.deepEqual(checkTogether(app, manifest).map(problemText), [
    'gateways.public.jobs: no service of this app does the jobs of a queue "mial"; did you mean "mail"?',
  ]);
});

test('where a gateway shows a queue no action has its route', () => {
  const app = { ...fine, store: {}, gateways: { public: { jobs: ['mail'] } } } as const;
  const none = { needs: [], mayCall: [], errors: {}, events: {}, version: '1', hash: '' };
  const queues = { mail: { input: {}, manifest: {} as never } };
  const at = (path: string) => ({
    ...{ input: {}, idempotent: false, concurrency: 1, hash: '' },
    http: { method: 'POST', path, status: 200 } as const,
  });
  const actions = { beside: at('/jobs/mails'), over: at('/jobs/mail'), under: at('/jobs/mail/:id/resend') };
  const manifest = { app: 'shop', services: { users: { ...none, name: 'users', queues, actions } } };
  assert.deepEqual(checkTogether(app, manifest).map(problemText), [
    'services.users.actions.over.http: /jobs/mail is where the gateway public shows the queue mail: take another path',
    'services.users.actions.under.http: /jobs/mail/:id/resend is where the gateway public shows the queue mail: take another path',
  ]);
});
