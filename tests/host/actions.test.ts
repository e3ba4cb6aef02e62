import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { isTuttiError, TuttiError } from '../../src/core/errors.ts';
import type { MetricFamily } from '../../src/core/metric.ts';
import { defineService } from '../../src/define/service.ts';
import { metricsActionName } from '../../src/mesh/runtime.ts';
import { anId, HostWorld } from './host-world.ts';

const secret = 'hunter2';

/** Something with a `then` that is no promise, as query builders give. */
const thenable = <T>(value: T): Promise<T> =>
  ({
    then: (done: (value: T) => unknown) => {
      queueMicrotask(() => done(value));
    },
  }) as unknown as Promise<T>;

const users = defineService({
  name: 'users',
  errors: { NAME_TAKEN: { http: 409, text: 'The name {name} is taken' } },
  actions: (action) => ({
    get: action({
      http: { route: 'GET /users/:id', reply: (user, { requestId }) => ({ data: user, requestId }) },
      input: anId,
      output: z.object({ id: z.int(), nested: z.object({ a: z.string() }) }),
      // More than it declares, as rows of a database have.
      run: ({ input }) => ({ id: input.id, password: secret, nested: { a: 'x', hash: secret } }),
    }),
    lie: action({ output: anId, run: () => ({ id: 'x' }) as unknown as { id: number } }),
    trusted: action({
      output: anId,
      checkOutput: false,
      run: () => ({ id: 'x' }) as unknown as { id: number },
    }),
    nothing: action({ run: () => undefined }),
    missing: action({ run: ({ fail }) => fail('NOT_FOUND', { what: 'User 7' }) }),
    taken: action({ run: ({ fail }) => fail('NAME_TAKEN', { name: 'ann' }) }),
    undeclared: action({
      run: ({ fail }) => {
        (fail as (code: string) => never)('constructor');
      },
    }),
    bug: action({
      run: () => {
        throw new TypeError(`cannot read ${secret}`);
      },
    }),
    lateBug: action({ run: () => Promise.reject(new TypeError(secret)) }),
    query: action({ output: anId, run: () => thenable({ id: 5, password: secret }) }),
    rawQuery: action({ run: () => thenable([1, 2]) }),
    slowSchema: action({
      input: z.object({ id: z.int().refine((id) => Promise.resolve(id > 1)) }),
      output: z.object({ id: z.int().refine((id) => Promise.resolve(id > 2)) }),
      run: ({ input }) => input,
    }),
    around: action({
      run: ({ caller, requestId, remainingMs, signal, idempotencyKey }) => ({
        caller,
        requestId,
        isLimited: remainingMs() > 0 && remainingMs() <= 5_000,
        aborted: signal.aborted,
        idempotencyKey,
      }),
    }),
  }),
});

async function refusal(call: Promise<unknown>): Promise<TuttiError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(isTuttiError(error));
  return error;
}

test('an input that does not fit is refused with every path, before the handler runs', async () => {
  await using world = new HostWorld();
  await world.host(users);
  for (const input of [{}, { id: '1' }, { id: -1 }, { id: 1.5 }, [], 'x', null]) {
    const error = await refusal(world.caller().call('users', 'get', input));
    assert.equal(error.code, 'INVALID_INPUT');
    const issues = error.data['issues'] as { path: string; message: string }[];
    assert.ok(issues.length > 0);
    if (!Array.isArray(input) && typeof input === 'object' && input !== null) {
      assert.equal(issues[0]?.path, 'id');
      assert.match(error.message, /^id: /);
    }
  }
});

test('N-49 a key named __proto__ is refused and changes no object', async () => {
  await using world = new HostWorld();
  await world.host(users);
  const input: unknown = JSON.parse('{"id":1,"__proto__":{"isAdmin":true}}');
  assert.equal((await refusal(world.caller().call('users', 'get', input))).code, 'INVALID_INPUT');
  assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
});

test('an action without input takes nothing, and says so', async () => {
  await using world = new HostWorld();
  await world.host(users);
  const caller = world.caller();
  for (const input of [undefined, null, {}]) assert.equal(await caller.call('users', 'nothing', input), null);
  const error = await refusal(caller.call('users', 'nothing', { limit: 1 }));
  assert.equal(error.message, 'limit: This action takes no input');
});

test('what the output does not declare does not leave, at any depth', async () => {
  await using world = new HostWorld();
  await world.host(users);
  assert.deepEqual(await world.caller().call('users', 'get', { id: 1 }), { id: 1, nested: { a: 'x' } });
});

test('an output that does not fit is our fault, told to the log and not to the caller', async () => {
  await using world = new HostWorld();
  await world.host(users);
  const error = await refusal(world.caller().call('users', 'lie', {}));
  assert.deepEqual([error.code, error.http], ['INVALID_OUTPUT', 500]);
  assert.equal(error.data['issues'], undefined);
  assert.equal(world.said.length, 1);
  assert.deepEqual((world.said[0]?.fields['cause'] as { path: string }[])[0]?.path, 'id');
  assert.deepEqual(await world.caller().call('users', 'trusted', {}), { id: 'x' });
});

test('for HTTP the answer has the shape that reply gives, for services it has not', async () => {
  await using world = new HostWorld();
  await world.host(users);
  const context = { requestId: 'r-1' };
  const body = await world.caller().callForHttp('users', 'get', { id: 1 }, { context });
  assert.deepEqual(JSON.parse(body.toString()), { data: { id: 1, nested: { a: 'x' } }, requestId: 'r-1' });
});

test('fail takes codes of the table and own ones, with their texts and statuses', async () => {
  await using world = new HostWorld();
  await world.host(users);
  const missing = await refusal(world.caller().call('users', 'missing', {}));
  assert.deepEqual([missing.code, missing.http, missing.message], ['NOT_FOUND', 404, 'User 7 not found']);
  const taken = await refusal(world.caller().call('users', 'taken', {}));
  assert.deepEqual([taken.code, taken.http, taken.message], ['NAME_TAKEN', 409, 'The name ann is taken']);
  assert.deepEqual(world.said, []);
});

test('an input that another action refuses is the fault of who called it with that, not of who called him', async () => {
  await using world = new HostWorld();
  await world.host(users);
  const caller = world.caller();
  const porter = defineService({
    name: 'porter',
    actions: (action) => ({
      welcome: action({ run: () => caller.call('users', 'get', { id: 'x' }) }),
      greet: action({ run: () => caller.call('users', 'noSuchAction', {}) }),
      check: action({
        run: () => {
          throw new TuttiError('INVALID_INPUT', { message: 'not on a Sunday' });
        },
      }),
      pass: action({ run: () => caller.call('users', 'taken', {}) }),
    }),
  });
  await world.host(porter);
  for (const [action, refusedBy] of [
    ['welcome', 'users.get'],
    ['greet', 'users.noSuchAction'],
  ] as const) {
    world.said.length = 0;
    const error = await refusal(caller.call('porter', action, {}));
    assert.deepEqual([error.code, error.data['issues']], ['INTERNAL', undefined]);
    assert.equal(world.said[0]?.sentence, 'A handler failed');
    assert.equal(world.said[0].fields['refusedBy'], refusedBy);
  }
  assert.equal((await refusal(caller.call('porter', 'check', {}))).code, 'INVALID_INPUT');
  assert.equal((await refusal(caller.call('porter', 'pass', {}))).code, 'NAME_TAKEN');
});

test('a code that nobody declared is a bug', async () => {
  await using world = new HostWorld();
  await world.host(users);
  assert.equal((await refusal(world.caller().call('users', 'undeclared', {}))).code, 'INTERNAL');
  assert.match(String(world.said[0]?.fields['error']), /fail\(\) takes the codes .*, not "constructor"/);
});

for (const action of ['bug', 'lateBug']) {
  test(`a TypeError (${action}) is INTERNAL: the log has it in full, the caller neither message nor stack`, async () => {
    await using world = new HostWorld();
    await world.host(users);
    const error = await refusal(world.caller().call('users', action, {}));
    assert.deepEqual([error.code, error.message], ['INTERNAL', 'Something went wrong on our side']);
    assert.doesNotMatch(JSON.stringify([error, error.remoteStack]), new RegExp(secret));
    assert.equal(world.said[0]?.sentence, 'A handler failed');
    assert.match(String(world.said[0].fields['error']), new RegExp(`TypeError: .*${secret}[^]*actions.test`));
  });
}

test('a handler may give what a query builder gives: anything with a then', async () => {
  await using world = new HostWorld();
  await world.host(users);
  assert.deepEqual(await world.caller().call('users', 'query', {}), { id: 5 });
  assert.deepEqual(await world.caller().call('users', 'rawQuery', {}), [1, 2]);
});

test('schemas may take their time', async () => {
  await using world = new HostWorld();
  await world.host(users);
  const caller = world.caller();
  assert.deepEqual(await caller.call('users', 'slowSchema', { id: 3 }), { id: 3 });
  assert.equal((await refusal(caller.call('users', 'slowSchema', { id: 1 }))).code, 'INVALID_INPUT');
  assert.equal((await refusal(caller.call('users', 'slowSchema', { id: 2 }))).code, 'INVALID_OUTPUT');
});

test('a handler knows who calls, for which request, and how long it has', async () => {
  await using world = new HostWorld();
  await world.host(users);
  const options = { context: { requestId: 'r-2' }, idempotencyKey: 'k' };
  assert.deepEqual(await world.caller().call('users', 'around', {}, options), {
    caller: 'operator#1@1',
    requestId: 'r-2',
    isLimited: true,
    aborted: false,
    idempotencyKey: 'k',
  });
});

test('every call is counted by how it ended; only services of ours may ask for the numbers', async () => {
  await using world = new HostWorld();
  await world.host(users);
  await world.caller().call('users', 'nothing', {});
  await refusal(world.caller().call('users', 'nothing', { a: 1 }));
  await refusal(world.caller().call('users', 'bug', {}));
  const gateway = world.mesh.caller({ service: 'gateway:public', mayCall: ['*'] });
  const families = (await gateway.call('users', metricsActionName, {})) as MetricFamily[];
  const ends = families[0]?.samples.map(({ labels, value }) => [labels['action'], labels['code'], value]);
  assert.deepEqual(ends, [
    ['nothing', 'ok', 1],
    ['nothing', 'INVALID_INPUT', 1],
    ['bug', 'INTERNAL', 1],
  ]);
  assert.equal((await refusal(world.caller().call('users', metricsActionName, {}))).code, 'FORBIDDEN');
});
