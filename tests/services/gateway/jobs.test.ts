/** The queues that a gateway shows, over HTTP; an app in one process, with workers that do their jobs. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import { jobsService } from '../../../src/services/gateway/job-actions.ts';
import { openApiDocument } from '../../../src/services/gateway/openapi.ts';
import { startTestApp } from '../../../src/testing/index.ts';
import type { TestApp } from '../../../src/testing/index.ts';

interface HttpJob {
  readonly id: string;
  readonly state: string;
  readonly input: unknown;
  readonly result?: unknown;
  readonly reason?: string;
  readonly addedAt: string;
}

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

const folder = mkdtempSync(join(tmpdir(), 'tutti-jobs-'));
let app: TestApp;

before(async () => {
  const env = { HEARD: join(folder, 'heard'), PORT: '0' };
  app = await startTestApp(new URL('../../fixtures/jobs/tutti.ts', import.meta.url), { env });
});
after(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answered<T> {
  readonly status: number;
  readonly of: T;
}

/** @param line `POST /jobs/work` */
async function ask<T>(line: string, body?: unknown, headers = {}): Promise<Answered<T>> {
  const [method = '', path = ''] = line.split(' ');
  const response = await fetch(`${app.gatewayUrl()}${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, of: (await response.json()) as T };
}

async function until(queue: string, id: string, state: string): Promise<HttpJob> {
  for (;;) {
    const { of } = await ask<HttpJob>(`GET /jobs/${queue}/${id}`);
    if (of.state === state) return of;
    await pause(20);
  }
}

const refused = async (status: number, line: string, body?: unknown): Promise<Problem> => {
  const answer = await ask<Problem>(line, body);
  assert.equal(answer.status, status, JSON.stringify(answer.of));
  return answer.of;
};

test('a job is added, and told with its result once it is done', async () => {
  const { status, of } = await ask<{ id: string; added: boolean }>('POST /jobs/work', {
    input: { number: 21 },
  });
  assert.deepEqual([status, of.added], [202, true]);
  const job = await until('work', of.id, 'done');
  assert.deepEqual([job.input, job.result], [{ number: 21 }, { number: 42 }]);
  assert.match(job.addedAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const named = { input: { number: 1 }, jobId: 'welcome', priority: 9, delayMs: 3_600_000 };
  assert.deepEqual((await ask('POST /jobs/work', named)).of, { id: 'welcome', added: true });
  assert.deepEqual((await ask('POST /jobs/work', named)).of, { id: 'welcome', added: false });
  const { of: waiting } = await ask<object>('GET /jobs/work/welcome');
  assert.ok('dueAt' in waiting && !('result' in waiting));
});

test('whoever asks is found out first, and goes along with the job to where it is done', async () => {
  const body = { input: { number: 77 } };
  const { status } = await ask('POST /jobs/work', body, { authorization: 'stranger' });
  assert.equal(status, 401);
  assert.equal((await ask('GET /jobs/work', undefined, { authorization: 'stranger' })).status, 401);
  const headers = { authorization: 'ada', 'x-request-id': 'order-7' };
  const { of } = await ask<{ id: string }>('POST /jobs/work', body, headers);
  await until('work', of.id, 'done');
  const lines = readFileSync(join(folder, 'heard'), 'utf8').trimEnd().split('\n');
  const heard = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const done = heard.filter(({ what, number }) => what === 'done' && number === 77);
  assert.deepEqual(
    done.map(({ user, requestId }) => [user, requestId]),
    [['ada', 'order-7']],
  );
});

test('what does not fit is refused before it is stored, each place by its path', async () => {
  const wrong: [body: unknown, path: string, message: RegExp][] = [
    [{}, 'input', /is missing/],
    [{ input: { number: 'x' } }, 'input.number', /expected number/],
    [{ input: 5 }, 'input', /expected object/],
  ];
  for (const [body, path, message] of wrong) {
    const { code, errors = [] } = await refused(400, 'POST /jobs/work', body);
    assert.deepEqual([code, errors.map((one) => one.path)], ['INVALID_INPUT', [path]]);
    assert.match(errors[0]?.message ?? '', message);
  }
  const input = { number: 1 };
  assert.match((await refused(400, 'POST /jobs/work', { input, jobId: '7' })).detail, /not all digits/);
  assert.match((await refused(400, 'POST /jobs/work', { input, priority: 10 })).detail, /^priority is/);
  assert.match(
    (await refused(400, 'GET /jobs/work?limit=0')).detail,
    /^limit is a whole number from 1 to 250/,
  );
  assert.match((await refused(400, 'GET /jobs/work?state=dead')).detail, /^state is pending, /);
});

test('a field that nobody reads is refused by its name, with the one that was probably meant', async () => {
  const input = { number: 1 };
  const before = (await ask<object>('GET /jobs/work/counts')).of;
  const lines: [line: string, body: object | undefined, detail: RegExp][] = [
    ['POST /jobs/work', { input, delayMS: 60_000 }, /^unknown field "delayMS"; did you mean "delayMs"/],
    ['POST /jobs/work', { input, deduplication: { id: 'x' } }, /^unknown field "deduplication"$/],
    ['POST /jobs/work', { input, queue: 'gone' }, /^unknown field "queue"$/],
    ['POST /jobs/work', { input, [`\u001b[2J${'x'.repeat(1_000)}`]: 1 }, /^unknown field "[^\u001b]{1,200}$/],
    ['GET /jobs/work?limti=5', undefined, /^unknown field "limti"; did you mean "limit"/],
    ['GET /jobs/work/counts?queue=gone', undefined, /^unknown field "queue"$/],
    ['POST /jobs/work/1/retry', { reason: 'x' }, /^unknown field "reason"$/],
    ['DELETE /jobs/work/1?raeson=x', undefined, /^unknown field "raeson"; did you mean "reason"/],
  ];
  for (const [line, body, detail] of lines) assert.match((await refused(400, line, body)).detail, detail);
  const many = Object.fromEntries(Array.from({ length: 60_000 }, (_none, index) => [`k${String(index)}`, 1]));
  const from = performance.now();
  await refused(400, 'POST /jobs/work', { input, ...many });
  assert.ok(performance.now() - from < 1_000);
  assert.deepEqual((await ask<object>('GET /jobs/work/counts')).of, before);
});

test('hostile names of queues and jobs are names and nothing more', async () => {
  for (const queue of ['__proto__', 'constructor', 'gone', '..%2fwork', 'work%00', 'WORK', 'work%2f1'])
    await refused(404, `GET /jobs/${queue}`);
  for (const id of ['%00', '%ff', '%c0%ae', '%ed%a0%80', '%', 'x'.repeat(256), '1?id=2'])
    await refused(400, `GET /jobs/work/${id}`);
  for (const jobId of [
    '__proto__',
    'constructor',
    '..',
    'a/b',
    'a\nb',
    '\u001b[2J',
    '\u202e',
    '$(id)',
    '😀',
  ]) {
    const { of } = await ask<{ id: string }>('POST /jobs/work', { input: { number: 1 }, jobId });
    assert.equal(of.id, jobId);
    // A client of ours would take it for a folder above.
    if (jobId === '..') continue;
    const path = encodeURIComponent(jobId);
    assert.equal((await until('work', path, 'done')).id, jobId);
    assert.equal((await refused(409, `POST /jobs/work/${path}/retry`)).code, 'CONFLICT');
  }
  for (const after of ['', 'done:1,1', 'all:1,', 'all:', "all:1' OR 1", '1'.repeat(101)])
    await refused(400, `GET /jobs/work?after=${encodeURIComponent(after)}`);
  for (const limit of ['0', '251', '1e2', '0x10', '-1', '9'.repeat(30), ''])
    await refused(400, `GET /jobs/work?limit=${limit}`);
  for (const input of [
    '{"number":1,"__proto__":{"how":"exit"}}',
    '{"number":1,"constructor":{"prototype":{}}}',
  ]) {
    const response = await fetch(`${app.gatewayUrl()}/jobs/work`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"input":${input}}`,
    });
    assert.equal(response.status, 400);
  }
  assert.equal(({} as { how?: unknown }).how, undefined);
});

test('of why a job failed a client hears what is ours to say and nothing of a bug, and may have it begun once more', async () => {
  const { of } = await ask<{ id: string }>('POST /jobs/work', { input: { number: 1, fails: 9 } });
  const failed = await until('work', of.id, 'failed');
  assert.equal(failed.reason, 'Something went wrong on our side');
  const given = await ask<{ id: string }>('POST /jobs/work', { input: { number: 1, how: 'giveUp' } });
  assert.equal((await until('work', given.of.id, 'failed')).reason, 'there is no such address');
  assert.equal((await ask(`POST /jobs/work/${of.id}/retry`)).status, 200);
  await until('work', of.id, 'failed');
});

test('a running job is cancelled, and what has ended is a conflict', async () => {
  const { of } = await ask<{ id: string }>('POST /jobs/hardy', { input: { number: 1, ms: 20_000 } });
  await until('hardy', of.id, 'running');
  const cancelled = await ask<HttpJob>(`DELETE /jobs/hardy/${of.id}?reason=a+mistake`);
  assert.deepEqual(
    [cancelled.status, cancelled.of.state, cancelled.of.reason],
    [200, 'cancelled', 'a mistake'],
  );
  assert.match((await refused(409, `DELETE /jobs/hardy/${of.id}`)).detail, /^Job \d+ of hardy has ended$/);
  assert.match((await refused(404, 'DELETE /jobs/hardy/none')).detail, /^Job none of hardy not found$/);
  assert.equal((await refused(404, 'GET /jobs/hardy/none')).code, 'NOT_FOUND');
});

test('jobs are listed page by page and counted', async () => {
  for (const number of [1, 2, 3]) await ask('POST /jobs/paced', { input: { number }, delayMs: 3_600_000 });
  interface Page {
    readonly jobs: readonly HttpJob[];
    readonly next?: string;
  }
  const { of: first } = await ask<Page>('GET /jobs/paced?state=pending&limit=2');
  const { of: rest } = await ask<Page>(`GET /jobs/paced?state=pending&after=${first.next ?? ''}`);
  const numbers = [...first.jobs, ...rest.jobs].map(({ input }) => input);
  assert.deepEqual([numbers, rest.next], [[{ number: 1 }, { number: 2 }, { number: 3 }], undefined]);
  const { of: counts } = await ask<object>('GET /jobs/paced/counts');
  assert.deepEqual(counts, { waiting: 0, delayed: 3, running: 0, done: 0, failed: 0, cancelled: 0 });
});

test('schedules are listed by name, with what they give and when', async () => {
  const schedule = (...args: unknown[]): Promise<unknown> =>
    app.call('office.schedule', { queue: 'hardy', args });
  await schedule('nightly', { cron: '0 3 * * *', timeZone: 'Europe/Oslo', overlap: 'skip' }, { number: 1 });
  await schedule('hourly', { everyMs: 3_600_000 }, { number: 2 });
  const { of } = await ask<{ schedules: Record<string, unknown>[] }>('GET /jobs/hardy/schedules');
  const [hourly, nightly] = of.schedules;
  assert.match(String(hourly?.['nextAt']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(
    { ...hourly, nextAt: '' },
    {
      ...{ name: 'hourly', everyMs: 3_600_000, missed: 'once', overlap: 'allow' },
      ...{ input: { number: 2 }, nextAt: '' },
    },
  );
  assert.deepEqual(
    [nightly?.['name'], nightly?.['cron'], nightly?.['timeZone'], nightly?.['overlap']],
    ['nightly', '0 3 * * *', 'Europe/Oslo', 'skip'],
  );
  assert.deepEqual((await ask('GET /jobs/work/schedules')).of, { schedules: [] });
});

test('a job whose name is that of a list is found among the others, and counts and schedules stay what they are', async () => {
  for (const jobId of ['counts', 'schedules']) {
    await ask('POST /jobs/paced', { input: { number: 4 }, jobId, delayMs: 3_600_000 });
    const { of } = await ask<object>(`GET /jobs/paced/${jobId}`);
    assert.ok(!('state' in of));
    assert.equal((await ask<HttpJob>(`DELETE /jobs/paced/${jobId}`)).of.state, 'cancelled');
  }
});

test('a request with an Idempotency-Key adds one job, however often it is made', async () => {
  const add = (number: number): Promise<Answered<{ id: string }>> =>
    ask('POST /jobs/paced', { input: { number }, delayMs: 3_600_000 }, { 'idempotency-key': 'one' });
  const [first, second] = [await add(8), await add(8)];
  assert.equal(first.of.id, second.of.id);
  assert.equal((await add(9)).status, 409);
});

test('a queue that the app file does not name is not there', async () => {
  assert.equal((await refused(404, 'POST /jobs/slow', { input: { number: 1 } })).code, 'NOT_FOUND');
  assert.equal((await refused(404, 'GET /jobs/slow')).code, 'NOT_FOUND');
  assert.equal((await refused(405, 'PUT /jobs/work', {})).code, 'METHOD_NOT_ALLOWED');
});

test('the queues are in the OpenAPI document, with their schemas', async () => {
  const { of } = await ask<{ paths: Record<string, Record<string, { operationId: string }>> }>(
    'GET /openapi.json',
  );
  assert.ok((await new Validator().validate(structuredClone(of))).valid);
  assert.deepEqual(
    Object.keys(of.paths).filter((path) => path.startsWith('/jobs/hardy')),
    [
      ...['/jobs/hardy', '/jobs/hardy/counts', '/jobs/hardy/schedules'],
      ...['/jobs/hardy/{id}', '/jobs/hardy/{id}/retry', '/jobs/hardy/{id}/progress', '/jobs/hardy/events'],
    ],
  );
  assert.equal(of.paths['/jobs/hardy']?.['post']?.operationId, 'gateway.jobs.hardy.add');
  assert.ok(!('/jobs/slow' in of.paths));
});

test('an input schema that refers to itself, and to its definitions, does so inside of what it becomes part of', async () => {
  const tree = {
    type: 'object',
    properties: { children: { type: 'array', items: { $ref: '#' } }, kind: { $ref: '#/$defs/Input' } },
    $defs: { Input: { enum: ['a'] } },
  };
  const own = jobsService(new Map([['mail', tree]]));
  const document = openApiDocument({ app: 'shop', services: { [own.name]: own } });
  assert.ok((await new Validator().validate(structuredClone(document))).valid);
  const text = JSON.stringify(document);
  assert.ok(!text.includes('$defs') && !text.includes('"$ref":"#"'));
  const { schemas } = document['components'] as { schemas: Record<string, { properties: object }> };
  const name = 'gateway.jobs.mail.add.input.Input_';
  assert.deepEqual(schemas[name]?.properties, {
    children: { type: 'array', items: { $ref: `#/components/schemas/${name}` } },
    kind: { $ref: '#/components/schemas/gateway.jobs.mail.add.input.Input' },
  });
  for (const [, target = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
    assert.ok(target in schemas, target);
});
