/** The admin API of jobs without processes: what it refuses, and what it asks the store for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../../../src/core/errors.ts';
import type { StoreAsk } from '../../../src/mesh/store-change.ts';
import type { AdminRequest } from '../../../src/processes/supervisor/admin-server.ts';
import { jobRoutes } from '../../../src/processes/supervisor/job-routes.ts';
import type { JobRouteNeeds } from '../../../src/processes/supervisor/job-routes.ts';

type Answer = (ask: StoreAsk) => unknown;

/** Of an app whose mailer does the jobs of `mail`; the store says what `answer` says. */
function desk(answer: Answer) {
  const asked: StoreAsk[] = [];
  const say = (ask: StoreAsk): Promise<unknown> => {
    asked.push(ask);
    return Promise.resolve().then(() => answer(ask));
  };
  const services = { mailer: { name: 'mailer', queues: { mail: {} } } };
  const needs = {
    app: {
      plan: { manifest: { services } },
      status: () => ({ services: [{ name: 'mailer', ready: 2 }] }),
    },
    operator: { storeClient: () => ({ query: say, mutate: say, wait: say }) },
  } as unknown as JobRouteNeeds;
  const routes = jobRoutes(needs);
  const ask = async (name: string, fields: object = {}): Promise<unknown> => {
    const route = routes[name];
    assert.ok(route?.kind === 'answer', name);
    const isQuery = name.startsWith('GET');
    const request = { query: new URLSearchParams(isQuery ? Object.entries(fields) : []), body: fields };
    return await route.run(request as unknown as AdminRequest);
  };
  return { asked, ask };
}

const stored = [{ queue: 'old', isPaused: false, counts: {}, ends: null }];
const usual: Answer = ({ name }) => (name === 'queues' ? stored : [{ id: '1', added: true }]);
const refused = (run: Promise<unknown>, message: RegExp, code = 'INVALID_INPUT'): Promise<void> =>
  assert.rejects(run, { code, message });

const wrong: [route: string, fields: object, message: RegExp][] = [
  ['GET /jobs/queue', {}, /^queue is a name of letters.*, not /],
  ['GET /jobs/queue', { queue: '../x' }, /^queue is a name/],
  ['GET /jobs/list', { queue: 'mail', state: 'dead' }, /^state is pending, .* or cancelled, not "dead"/],
  ['GET /jobs/list', { queue: 'mail', limit: '0' }, /^limit is a whole number from 1 to 250, not 0/],
  ['GET /jobs/list', { queue: 'mail', limit: '251' }, /^limit is a whole number from 1 to 250/],
  ['GET /jobs/list', { queue: 'mail', limit: '1e1' }, /^limit is a whole number from 1 to 250, not "1e1"/],
  ['GET /jobs/list', { queue: 'mail', after: 'x'.repeat(101) }, /^after is a text of at most 100/],
  ['GET /jobs/job', { queue: 'mail', id: '' }, /^id is a text of 1 to 255 characters/],
  ['POST /jobs/cancel', { queue: 'mail', id: 7 }, /^id is a text of 1 to 255 characters, not 7/],
  ['POST /jobs/cancel', { queue: 'mail', id: 'a\0b' }, /^id is a text/],
  [
    'POST /jobs/cancel',
    { queue: 'mail', id: '7', reason: 'x'.repeat(4_001) },
    /^reason is a text of at most 4000/,
  ],
  ['POST /jobs/cancel', { queue: 'mail', id: '7', reason: '\ud800' }, /^reason is a text/],
  ['POST /jobs/add', { queue: 'mail' }, /^The input of a job of mail is JSON, not undefined/],
  ['POST /jobs/add', { queue: ['mail'], input: 1 }, /^queue is a name/],
  ['POST /jobs/add', { queue: 'mail', input: 1, jobId: '12' }, /^jobId is not all digits.*try "job-12"/],
  ['POST /jobs/add', { queue: 'mail', input: 1, jobId: 'x'.repeat(256) }, /^jobId is a text of 1 to 255/],
  [
    'POST /jobs/add',
    { queue: 'mail', input: 1, priority: 10 },
    /^priority is a whole number from 0 to 9, not 10/,
  ],
  ['POST /jobs/add', { queue: 'mail', input: 1, priority: '5' }, /^priority is a whole number/],
  ['POST /jobs/add', { queue: 'mail', input: 1, delayMs: -1 }, /^delayMs is a whole number from 0 to/],
  ['POST /jobs/add', { queue: 'mail', input: 1, delayMs: 1e300 }, /^delayMs is a whole number/],
  [
    'POST /jobs/add',
    { queue: 'mail', input: 1, requestId: 'x'.repeat(257) },
    /^requestId is a text of at most 256/,
  ],
  ['POST /jobs/clean', { queue: 'mail' }, /^state is missing/],
  [
    'POST /jobs/clean',
    { queue: 'mail', state: 'running' },
    /^state is done, failed or cancelled, not "running"/,
  ],
  ['POST /jobs/clean', { queue: 'mail', state: 'done', olderThanMs: 0.5 }, /^olderThanMs is a whole number/],
];

test('a field that is not as it must be is refused by its name, and nothing is asked of the store', async () => {
  for (const [route, fields, message] of wrong) {
    const { ask, asked } = desk(usual);
    await refused(ask(route, fields), message);
    assert.deepEqual(asked, [], route);
  }
  await refused(
    desk(usual).ask('POST /jobs/add', { queue: 'mail', input: 'x'.repeat(1_048_577) }),
    /./,
    'PAYLOAD_TOO_LARGE',
  );
});

test('a queue is known by its worker or by the store; another is refused with what was probably meant', async () => {
  const { ask } = desk(usual);
  await ask('POST /jobs/add', { queue: 'mail', input: 1 });
  await ask('POST /jobs/add', { queue: 'old', input: 1 });
  for (const route of ['POST /jobs/add', 'POST /jobs/pause', 'POST /jobs/drain', 'POST /jobs/redrive'])
    await refused(
      ask(route, { queue: 'mial', input: 1 }),
      /^There is no queue mial; did you mean "mail"\?/,
      'NOT_FOUND',
    );
  await refused(
    ask('GET /jobs/queue', { queue: 'x' }),
    /^There is no queue x; there are mail, old$/,
    'NOT_FOUND',
  );
  await refused(
    ask('GET /jobs/queue', { queue: 'constructor' }),
    /^There is no queue constructor/,
    'NOT_FOUND',
  );
});

test('a queue is told with the service that does its jobs, and with nobody where none does', async () => {
  const { ask } = desk(() => [...stored, { queue: 'mail' }]);
  assert.deepEqual(await ask('GET /jobs'), [
    { ...stored[0], worker: null },
    { queue: 'mail', worker: { service: 'mailer', ready: 2 } },
  ]);
});

test('a page that is more than one message is asked for again with fewer jobs, down to one', async () => {
  const tooLarge =
    (most: number): Answer =>
    ({ input }) => {
      const { limit } = input as { limit: number };
      if (limit > most) throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: 1 });
      return { jobs: [], next: 'all:7' };
    };
  const { ask, asked } = desk(tooLarge(30));
  assert.deepEqual(await ask('GET /jobs/list', { queue: 'mail', limit: '200' }), { jobs: [], next: 'all:7' });
  assert.deepEqual(
    asked.map(({ input }) => (input as { limit: number }).limit),
    [200, 100, 50, 25],
  );
  await refused(desk(tooLarge(0)).ask('GET /jobs/list', { queue: 'mail' }), /./, 'PAYLOAD_TOO_LARGE');
});

test('a change that is about many is a page of them, and says whether there may be more', async () => {
  const all = desk(() => 3);
  assert.deepEqual(await all.ask('POST /jobs/redrive', { queue: 'mail' }), { count: 3, isAll: true });
  const more = desk(() => Array.from({ length: 250 }, String));
  assert.deepEqual(await more.ask('POST /jobs/drain', { queue: 'mail' }), { count: 250, isAll: false });
});
