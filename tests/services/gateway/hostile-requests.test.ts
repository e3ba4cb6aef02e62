/** What must happen when somebody sends exactly this. After each the gateway lives, tells nothing of its inside, and serves others. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { GatewayWorld, statusIn } from './gateway-world.ts';

let world: GatewayWorld;
before(async () => {
  world = await GatewayWorld.start();
});
after(() => world[Symbol.asyncDispose]());

const secret = /\/work|\/home|node_modules|node:|\.ts\b|\bat |SELECT|stack/;

async function othersAreServed(): Promise<void> {
  assert.equal((await world.fetch('/things/7')).status, 200);
  assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
}

/** Sent as it is; the answer is one of the statuses, a problem, and the last on its connection. */
async function refused(bytes: string | Buffer, ...statuses: number[]): Promise<void> {
  const answer = await world.raw(bytes);
  assert.ok(
    statuses.includes(statusIn(answer)),
    `expected ${statuses.join(' or ')}, got ${answer.slice(0, 300)}`,
  );
  assert.match(answer, /content-type: application\/problem\+json/);
  assert.match(answer, /x-content-type-options: nosniff/);
  assert.doesNotMatch(answer, secret);
  assert.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1);
  await othersAreServed();
}

const head = (line: string, headers: readonly string[]): string =>
  `${[line, ...headers].join('\r\n')}\r\n\r\n`;
const get = (path: string, headers: readonly string[] = []): string =>
  head(`GET ${path} HTTP/1.1`, ['Host: localhost', 'Connection: close', ...headers]);
const post = (
  path: string,
  body: string,
  headers: readonly string[] = ['Content-Type: application/json'],
): string =>
  head(`POST ${path} HTTP/1.1`, [
    'Host: localhost',
    'Connection: close',
    ...headers,
    `Content-Length: ${String(Buffer.byteLength(body))}`,
  ]) + body;

test('N-45 a body one byte over the limit is 413, announced or chunked, and its connection is closed', async () => {
  const over = 1_048_577;
  await refused(
    head('POST /things HTTP/1.1', [
      'Host: localhost',
      'Content-Type: application/json',
      `Content-Length: ${String(over)}`,
    ]),
    413,
  );
  const chunked = head('POST /things HTTP/1.1', [
    'Host: localhost',
    'Content-Type: application/json',
    'Transfer-Encoding: chunked',
  ]);
  await refused(`${chunked}${over.toString(16)}\r\n${'x'.repeat(over)}\r\n0\r\n\r\n`, 413);
});

test('N-45 a route has its own limit', async () => {
  const filled = (bytes: number): string => `{"a":"${'x'.repeat(bytes - 8)}"}`;
  assert.equal(statusIn(await world.raw(post('/anything', filled(4_096)))), 200);
  await refused(post('/anything', filled(4_097)), 413);
});

test('N-45 a body without end costs no more memory than its limit', async () => {
  const before = process.memoryUsage().rss;
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  await refused(
    head('POST /things HTTP/1.1', [
      'Host: localhost',
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
    ]) + chunk.repeat(320),
    413,
  );
  assert.ok(process.memoryUsage().rss - before < 100 * 1_048_576);
});

for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip', 'x-nothing']) {
  test(`N-46 a body with the encoding ${encoding} is 415 and never inflated`, async () => {
    const bomb = gzipSync(Buffer.alloc(1_048_576));
    const request = head('POST /things HTTP/1.1', [
      'Host: localhost',
      'Connection: close',
      'Content-Type: application/json',
      `Content-Encoding: ${encoding}`,
      `Content-Length: ${String(bomb.length)}`,
    ]);
    await refused(Buffer.concat([Buffer.from(request), bomb]), 415);
  });
}

for (const depth of [65, 10_000, 500_000]) {
  test(`N-47 JSON nested ${String(depth)} deep is 400`, async () => {
    await refused(post('/things', `{"name":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`), 400);
    await refused(post('/things', `{"name":${'['.repeat(depth)}`), 400);
  });
}

test('N-47 brackets inside of strings do not count, nor do escaped quotes end them', async () => {
  const response = await world.post(
    '/anything',
    JSON.stringify({ a: `"${'['.repeat(200)}\\`, b: '{'.repeat(200) }),
  );
  assert.deepEqual(await response.json(), { names: ['a', 'b'] });
});

const hugeBodies: readonly [string, string, ...number[]][] = [
  [
    'many keys',
    `{${Array.from({ length: 60_000 }, (_key, index) => `"k${String(index)}":1`).join(',')}}`,
    400,
  ],
  ['a million keys', `{${'"k":1,'.repeat(1_000_000)}"k":1}`, 413],
  ['an array of 500,000', `[${'1,'.repeat(499_999)}1]`, 400],
  ['a key of 200 KB', `{"${'k'.repeat(200_000)}":1}`, 400],
  ['a string of 2 MB', `{"name":"${'x'.repeat(2_000_000)}"}`, 413],
];
for (const [what, body, ...statuses] of hugeBodies) {
  test(`N-48 a body with ${what} is refused`, () => refused(post('/things', body), ...statuses));
}

const polluting: readonly [string, string][] = [
  ['__proto__ in a body', post('/anything', '{"__proto__":{"isAdmin":true}}')],
  ['an escaped __proto__', post('/anything', '{"\\u005f_proto__":{"isAdmin":true}}')],
  ['a nested __proto__', post('/anything', '{"a":[{"__proto__":{"isAdmin":true}}]}')],
  ['constructor.prototype', post('/anything', '{"constructor":{"prototype":{"isAdmin":true}}}')],
  ['__proto__ in a query', get('/things?__proto__=1')],
  ['__proto__[isAdmin] in a query', get('/things?__proto__[isAdmin]=1')],
  ['an encoded __proto__ in a query', get('/things?%5f%5fproto__.isAdmin=1')],
  ['constructor[prototype] in a query', get('/things?constructor[prototype][isAdmin]=1')],
];
for (const [what, bytes] of polluting) test(`N-49 ${what} is 400`, () => refused(bytes, 400));

test('N-49 a header named __proto__ does nothing', async () => {
  const answer = await world.raw(get('/things/7', ['__proto__: x', 'constructor: y', 'toString: z']));
  assert.equal(statusIn(answer), 200);
  await othersAreServed();
});

for (const limit of [
  '-1',
  '0',
  '1.5',
  '9007199254740993',
  'NaN',
  'Infinity',
  '1e3',
  '0x10',
  '',
  ' 5',
  '5 ',
  '١',
  'true',
]) {
  test(`N-52 limit=${JSON.stringify(limit)} is 400`, () =>
    refused(get(`/things?limit=${encodeURIComponent(limit)}`), 400));
}
for (const quantity of ['-1', '0', '1.5', '9007199254740992', '"3"', 'null', '1e400']) {
  test(`N-52 a quantity of ${quantity} is 400`, () =>
    refused(post('/things', `{"name":"chair","quantity":${quantity}}`), 400));
}
for (const seconds of ['-1', '0', 'NaN', 'soon', '1e3', '0x1', '', '99999999999']) {
  test(`N-52 a request-timeout of ${JSON.stringify(seconds)} is 400`, () =>
    refused(get('/say/x', [`request-timeout: ${seconds}`]), 400));
}
test('N-52 a huge request-timeout is cut to what a gateway allows', async () => {
  const response = await world.fetch('/context', { method: 'POST', headers: { 'request-timeout': '86400' } });
  const { remainingMs } = (await response.json()) as { remainingMs: number };
  assert.ok(remainingMs <= 60_000);
});

for (const text of [
  '..',
  '../x',
  'a/b',
  '.',
  '\0',
  '\n',
  '😀',
  '\u202e',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
]) {
  test(`N-53 the id ${JSON.stringify(text)} is a plain text`, async () => {
    const answer = await world.request(
      `GET /say/${encodeURIComponent(text).replaceAll('.', '%2e')} HTTP/1.1`,
    );
    assert.equal(statusIn(answer), 200);
    const body = Buffer.from(answer.split('\r\n\r\n')[1] ?? '', 'latin1').toString();
    assert.deepEqual(JSON.parse(body), { text });
  });
}
test('N-53 an empty id is not taken for one, and one of 1 MB is 431', async () => {
  await refused(get('/things/'), 400, 404);
  await refused(get(`/say/${'x'.repeat(1_048_576)}`), 431);
});

for (const path of [
  '/say/%c0%ae',
  '/say/%ff',
  '/say/%',
  '/say/%zz',
  '/things?limit=%c0%ae',
  '/things?%ff=1',
]) {
  test(`N-55 ${path} is 400`, () => refused(get(path), 400));
}
test('N-55 bytes that are not UTF-8 are refused in a body, and do nothing in path and header', async () => {
  const start = head('POST /anything HTTP/1.1', [
    'Host: localhost',
    'Connection: close',
    'Content-Type: application/json',
    'Content-Length: 9',
  ]);
  await refused(
    Buffer.concat([Buffer.from(start), Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc0, 0x22, 0x7d])]),
    400,
  );
  const inHeader = Buffer.from(get('/things/7', ['x-request-id: \xff\xfe']), 'latin1');
  assert.match(await world.raw(inHeader), /x-request-id: [0-9a-f]{32}\r\n/);
  await othersAreServed();
});

const mediaTypes: readonly (readonly string[])[] = [
  [],
  ['Content-Type: text/plain'],
  ['Content-Type: application/x-www-form-urlencoded'],
  ['Content-Type: application/json; charset=utf-7'],
  ['Content-Type: multipart/form-data; boundary=x'],
  ['Content-Type: application/json, text/html'],
  ['Content-Type: application/json', 'Content-Type: text/html'],
  ['Content-Type: ;;;'],
  ['Content-Type: application/jsonx'],
];
for (const headers of mediaTypes) {
  test(`N-57 a body with ${headers.join(' and ') || 'no Content-Type'} is 415`, () =>
    refused(post('/things', '{"name":"x"}', headers), 415));
}
test('N-57 application/json with charset utf-8 is taken', async () => {
  for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
    assert.equal(statusIn(await world.raw(post('/things', '{"name":"x"}', [`Content-Type: ${type}`]))), 201);
  }
});

for (const body of [
  '{',
  '',
  'null',
  '5',
  '"x"',
  '[]',
  '[{}]',
  'true',
  '{"a":1}x',
  "{'a':1}",
  '\ufeff{}{',
  '{"a":NaN}',
]) {
  if (body !== '')
    test(`the body ${JSON.stringify(body)} is 400`, () => refused(post('/anything', body), 400));
}

const nodeRefuses: readonly [string, string][] = [
  [
    'Content-Length and Transfer-Encoding',
    head('POST /things HTTP/1.1', ['Host: localhost', 'Content-Length: 5', 'Transfer-Encoding: chunked']) +
      '0\r\n\r\n',
  ],
  [
    'Transfer-Encoding: identity, chunked, x',
    head('POST /things HTTP/1.1', ['Host: localhost', 'Transfer-Encoding: chunked, x']),
  ],
  [
    'two different Content-Lengths',
    head('POST /things HTTP/1.1', ['Host: localhost', 'Content-Length: 5', 'Content-Length: 6']),
  ],
  ['Content-Length: +4', head('POST /things HTTP/1.1', ['Host: localhost', 'Content-Length: +4'])],
  ['Content-Length: 4, 4', head('POST /things HTTP/1.1', ['Host: localhost', 'Content-Length: 4, 4'])],
  ['Content-Length: -1', head('POST /things HTTP/1.1', ['Host: localhost', 'Content-Length: -1'])],
  [
    'a Content-Length that overflows',
    head('POST /things HTTP/1.1', ['Host: localhost', 'Content-Length: 99999999999999999999']),
  ],
  ['a space before the colon', head('GET /things/7 HTTP/1.1', ['Host : localhost'])],
  ['bare LF', 'GET /things/7 HTTP/1.1\nHost: localhost\n\n'],
  ['a folded header', 'GET /things/7 HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n'],
  ['NUL in a header', 'GET /things/7 HTTP/1.1\r\nHost: localhost\r\nX-A: \0\r\n\r\n'],
  ['no Host', head('GET /things/7 HTTP/1.1', ['Connection: close'])],
  ['an empty Host', head('GET /things/7 HTTP/1.1', ['Host:', 'Connection: close'])],
  [
    'chunks that end in LF',
    head('POST /things HTTP/1.1', [
      'Host: localhost',
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
    ]) + '2\n{}\n0\n\n',
  ],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['noise', '\x00\x01\x02\x03'],
];
for (const [what, bytes] of nodeRefuses)
  test(`a head with ${what} is refused`, () => refused(Buffer.from(bytes, 'latin1'), 400, 421));

test('a head of 17 KB is 431, a huge chunk extension 413', async () => {
  await refused(get('/things/7', [`X-Long: ${'x'.repeat(17 * 1_024)}`]), 431);
  const chunked = head('POST /things HTTP/1.1', [
    'Host: localhost',
    'Content-Type: application/json',
    'Transfer-Encoding: chunked',
  ]);
  await refused(`${chunked}2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`, 413);
});

test('N-63 two Host headers, or another host in the URL, are 400', async () => {
  await refused(
    head('GET /things/7 HTTP/1.1', ['Host: localhost', 'Host: localhost', 'Connection: close']),
    400,
  );
  await refused(head('GET http://evil/things/7 HTTP/1.1', ['Host: localhost', 'Connection: close']), 400);
  await refused(
    head('GET http://user@localhost/things/7 HTTP/1.1', ['Host: localhost', 'Connection: close']),
    400,
  );
  await refused(head('GET ftp://localhost/things/7 HTTP/1.1', ['Host: localhost', 'Connection: close']), 400);
  const absolute = await world.raw(
    head('GET http://localhost/things/7?x HTTP/1.1', ['Host: localhost', 'Connection: close']),
  );
  assert.equal(statusIn(absolute), 200);
});

test('a name that is not of this machine is 421: DNS rebinding', async () => {
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    'localhost@evil',
    '[::2]',
    '169.254.169.254',
  ]) {
    await refused(head('GET /things/7 HTTP/1.1', [`Host: ${host}`, 'Connection: close']), 421);
  }
  for (const host of ['localhost', 'LOCALHOST:5000', '127.0.0.1:1', '[::1]:5000']) {
    assert.equal(
      statusIn(await world.raw(head('GET /things/7 HTTP/1.1', [`Host: ${host}`, 'Connection: close']))),
      200,
    );
  }
});

test('N-64 HTTP/1.0 with chunks is 400', () =>
  refused(
    head('POST /things HTTP/1.0', [
      'Host: localhost',
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
    ]) + '2\r\n{}\r\n0\r\n\r\n',
    400,
  ));

test('N-65 GET, HEAD and DELETE with a body are 400, and the body is not the next request', async () => {
  const smuggled = get('/bug');
  for (const method of ['GET', 'DELETE']) {
    await refused(
      head(`${method} /things/7 HTTP/1.1`, [
        'Host: localhost',
        'Content-Type: application/json',
        `Content-Length: ${String(smuggled.length)}`,
      ]) + smuggled,
      400,
    );
    await refused(
      head(`${method} /things/7 HTTP/1.1`, ['Host: localhost', 'Transfer-Encoding: chunked']) +
        `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
      400,
    );
  }
});

test('N-66 an upgrade nobody asked for is ignored, and security headers are ours', async () => {
  for (const headers of [
    ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Connection: Upgrade, HTTP2-Settings, close'],
    ['Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Connection: Upgrade, close'],
    ['Connection: close, X-Content-Type-Options, X-Request-Id'],
  ]) {
    const answer = await world.raw(head('GET /things/7 HTTP/1.1', ['Host: localhost', ...headers]));
    assert.equal(statusIn(answer), 200);
    assert.match(answer, /x-content-type-options: nosniff/);
  }
  await othersAreServed();
});

test('N-67 what a client says of who it is goes nowhere', async () => {
  const claims = [
    'X-Forwarded-For: 1.2.3.4',
    'X-Real-IP: 1.2.3.4',
    'Forwarded: for=1.2.3.4',
    'X-User-Id: admin',
    'X_User_Id: admin',
    'X-Internal-Caller: operator',
  ];
  const answer = await world.request('POST /context HTTP/1.1', [...claims, 'Content-Length: 0']);
  assert.equal(statusIn(answer), 200);
  assert.doesNotMatch(answer, /1\.2\.3\.4|admin|operator/);
  assert.match(answer, /"caller":"gateway:public#1@1"/);
});

for (const id of ['a\u010ab', 'a%0d%0aSet-Cookie: x=1', 'a b', '', 'x'.repeat(200), '<script>', 'a;b']) {
  test(`N-69 the request id ${JSON.stringify(id.slice(0, 30))} is replaced`, async () => {
    const answer = await world.raw(Buffer.from(get('/things/7', [`x-request-id: ${id}`]), 'utf8'));
    assert.match(answer, /x-request-id: [0-9a-f]{32}\r\n/);
    assert.doesNotMatch(answer, /set-cookie/i);
  });
}
test('N-69 line breaks in a path come back as text, never as headers', async () => {
  const answer = await world.raw(get('/nothing%0d%0aSet-Cookie:%20x=1'));
  assert.equal(statusIn(answer), 404);
  assert.doesNotMatch(answer.split('\r\n\r\n')[0] ?? '', /set-cookie/i);
});

test('N-74 an expectation we do not know is 417', () =>
  refused(post('/things', '{}', ['Expect: nonsense', 'Content-Type: application/json']), 417));

test('N-74 Expect: 100-continue is met', async () => {
  const answer = await world.raw(
    post('/things', '{"name":"x"}', ['Expect: 100-continue', 'Content-Type: application/json']),
  );
  assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
});

for (const name of [
  '..%2f..%2fadmin',
  'user@evil',
  'user:80',
  'user%23',
  'user%3fx',
  '%2f%2fevil',
  '__proto__',
  'constructor',
  '%00',
]) {
  test(`N-78 the service ${name} is 404`, async () => {
    world.status = {
      app: 'shop',
      avoided: [],
      acceptFailures: {},
      takenAt: 0,
      startedAt: 0,
      generation: 1,
      pids: { keeper: 1, supervisor: 2 },
      services: [],
      shared: {},
      notes: [],
    };
    await refused(get(`/services/${name}/health`), 404);
  });
}
test('N-78 a path that leaves a folder is 404', () => refused(get('/docs/..%2f..%2fpackage.json'), 404));

test('N-85 a hostile name in a path is escaped JSON in the answer', async () => {
  const answer = await world.raw(get(`/${encodeURIComponent('\x1b[2J\u2028\u0085"}\n{"level":"error"')}`));
  assert.equal(statusIn(answer), 404);
  const body = answer.split('\r\n\r\n')[1] ?? '';
  assert.doesNotMatch(body, /[\x00-\x1f\x7f-\x9f]/);
});

test('N-91 trace and baggage headers that are not W3C are ignored', async () => {
  for (const trace of [
    'x',
    '00-0-0-0',
    `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`,
    `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`,
    'a'.repeat(8_000),
  ]) {
    const answer = await world.raw(
      get('/things/7', [`traceparent: ${trace}`, `baggage: ${'x'.repeat(4_000)}`, 'tracestate: \x7f']),
    );
    assert.match(answer, /x-request-id: [0-9a-f]{32}\r\n/);
    assert.ok(!answer.includes('aaaaaaaa'));
  }
  const valid = await world.raw(get('/things/7', [`traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`]));
  assert.match(valid, /x-request-id: a{32}\r\n/);
});

test('N-106 a thousand distinct paths and methods make no series of their own', async () => {
  const families = (): number =>
    world.gateway.metrics().reduce((sum, family) => sum + family.samples.length, 0);
  await world.fetch('/x');
  await world.fetch('/x', { method: 'OPTIONS' });
  const before = families();
  for (let at = 0; at < 200; at += 1)
    await Promise.all([1, 2, 3, 4, 5].map((part) => world.fetch(`/x${String(at)}/${String(part)}`)));
  assert.equal(families(), before);
});
