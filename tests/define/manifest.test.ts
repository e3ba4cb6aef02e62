import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { contract, defineService, implement } from '../../src/index.ts';
import { checkService } from '../../src/define/check-service.ts';
import { makeManifest, parseRoute } from '../../src/define/manifest.ts';
import type { Service } from '../../src/define/service.ts';
import good from '../fixtures/services/good.ts';

const id = { type: 'integer', minimum: -9007199254740991, maximum: 9007199254740991 };
const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  ...more,
});
const closed = { additionalProperties: false };

test('the manifest is all that others must know, as JSON', () => {
  const { manifest, problems } = makeManifest(good);
  assert.deepEqual(problems, []);
  const { get, make, reset } = manifest.actions;
  assert.ok(get && make && reset);
  const hashes = [get.hash, make.hash, reset.hash, manifest.hash];
  for (const hash of hashes) assert.match(hash, /^[0-9a-f]{16}$/);
  assert.deepEqual(JSON.parse(JSON.stringify(manifest)), {
    name: 'good',
    version: '1.2.0',
    needs: [],
    mayCall: [],
    errors: { NAME_TAKEN: { http: 409, text: 'The name {name} is taken' } },
    actions: {
      get: {
        input: object({ id: { type: 'integer', exclusiveMinimum: 0, maximum: 9007199254740991 } }),
        output: object({ id, made: { type: 'string', format: 'date-time' } }, closed),
        idempotent: true,
        concurrency: 100,
        http: { method: 'GET', path: '/things/:id', status: 200 },
        hash: get.hash,
      },
      make: {
        input: object({ name: { type: 'string' } }),
        output: object({ id }, closed),
        idempotent: false,
        concurrency: 2,
        summary: 'Makes one thing',
        http: {
          method: 'POST',
          path: '/things',
          status: 201,
          body: object({ ok: { type: 'boolean' } }, closed),
        },
        hash: make.hash,
      },
      reset: {
        input: { type: 'object', properties: {}, additionalProperties: false },
        idempotent: false,
        concurrency: 100,
        hash: reset.hash,
      },
    },
    events: {
      'thing.made': { mode: 'balanced', schema: object({ id }) },
      'thing.lost': { mode: 'broadcast', schema: object({ id }) },
    },
    hash: manifest.hash,
  });
});

const withInput = (input: z.ZodType, summary: string): Service<string, unknown> =>
  defineService({ name: 'x', actions: (action) => ({ get: action({ input, summary, run: () => 1 }) }) });
const hashOf = (service: Service<string, unknown>): (string | undefined)[] => {
  const { manifest } = makeManifest(service);
  return [manifest.actions['get']?.hash, manifest.hash];
};

test('the same definition has the same hashes, a summary changes only the service’s, a schema changes both', () => {
  const [action, service] = hashOf(withInput(z.object({ a: z.int() }), 'one'));
  assert.deepEqual(hashOf(withInput(z.object({ a: z.int() }), 'one')), [action, service]);
  const [sameAction, otherService] = hashOf(withInput(z.object({ a: z.int() }), 'two'));
  assert.equal(sameAction, action);
  assert.notEqual(otherService, service);
  assert.notEqual(hashOf(withInput(z.object({ a: z.string() }), 'one'))[0], action);
});

for (const route of ['GET /', 'GET /a', 'PATCH /a/:id/b-c/', 'DELETE /v1.2/:user_id', 'PUT /a/@me/~x%20']) {
  test(`"${route}" is a route`, () => {
    assert.ok(parseRoute(route));
  });
}
for (const route of [
  'GET',
  'GET a',
  'get /a',
  'HEAD /a',
  'GET  /a',
  'GET /a b',
  'GET //a',
  'GET /*',
  'GET /a/:id(\\d+)',
  'GET /:',
  'GET /:a-:b',
  'GET /a?b',
  'GET /a#b',
  'GET /a\n',
  'GET /ä',
]) {
  test(`${JSON.stringify(route)} is none`, () => {
    assert.equal(parseRoute(route), undefined);
  });
}

const mail = contract({
  name: 'mail',
  actions: { send: { input: z.object({ to: z.string() }), output: z.object({ sent: z.boolean() }) } },
});

test('a contract that is kept has the actions it declares', () => {
  const service = implement(mail, { actions: { send: () => ({ sent: true }) } });
  assert.deepEqual(checkService(service), []);
  assert.deepEqual(Object.keys(makeManifest(service).manifest.actions), ['send']);
});

test('an action that is missing, and one that the contract does not have, are told', () => {
  const actions = { snd: () => ({ sent: true }) } as unknown as { send: () => { sent: boolean } };
  assert.deepEqual(checkService(implement(mail, { actions })), [
    {
      path: 'actions.snd',
      message: 'expected action({...}), got "a function that the contract does not have"',
    },
    { path: 'actions.send.run', message: 'expected a function, got undefined' },
  ]);
});
