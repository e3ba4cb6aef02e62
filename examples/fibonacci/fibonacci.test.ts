/** Every row of the contract, asked over HTTP as a client asks; and what becomes of jobs when workers, and the whole app, are gone for a while. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposableSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestApp } from 'tutti/testing';
import { fibonacci, modulus } from './fibonacci.ts';

type App = Awaited<ReturnType<typeof startTestApp>>;
type Side = 'api' | 'worker';
interface Answer {
  readonly status: number;
  readonly body: unknown;
}
interface JobView {
  readonly job_id: number;
  readonly status: 'pending' | 'running' | 'done' | 'failed';
  readonly input: number;
  readonly output: number | null;
  readonly init_time: string;
  readonly finished_time: string | null;
  readonly mod: number;
  readonly description: string;
}

const start = (env: Record<string, string>, options: { readonly processes?: true } = {}): Promise<App> =>
  startTestApp(new URL('./tutti.ts', import.meta.url), {
    env: { FIBONACCI_API_PORT: '0', FIBONACCI_WORKER_PORT: '0', FIBONACCI_DELAY_MS: '0', ...env },
    ...options,
  });

/** `ask('api', 'POST /job/100')` */
const asking =
  (app: App) =>
  async (side: Side, route: string, body?: unknown): Promise<Answer> => {
    const [method = '', path = ''] = route.split(' ');
    const answer = await fetch(new URL(path, app.gatewayUrl(`fibonacci-${side}`)), {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.json() };
  };
type Ask = ReturnType<typeof asking>;

async function take(ask: Ask, n: number): Promise<number> {
  const { status, body } = await ask('api', `POST /job/${String(n)}`);
  const { job_id: id, ...rest } = body as { job_id: number };
  assert.deepEqual([status, rest], [200, { status: 'taken' }]);
  assert.ok(Number.isSafeInteger(id) && id >= 1, String(id));
  return id;
}

async function find(ask: Ask, id: number): Promise<JobView> {
  const { status, body } = await ask('api', `GET /job/${String(id)}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body as JobView;
}

async function untilSomeRun(ask: Ask): Promise<void> {
  while (((await ask('api', 'GET /list-all?status=running')).body as unknown[]).length === 0) await pause(10);
}

async function until(ask: Ask, id: number, isSo: (job: JobView) => boolean): Promise<JobView> {
  const last = Date.now() + 45_000;
  for (;;) {
    const job = await find(ask, id);
    if (isSo(job)) return job;
    assert.ok(Date.now() < last, `not so in 45 s: ${JSON.stringify(job)}`);
    await pause(10);
  }
}
/** One that has failed never will be. */
function isDone({ status, description }: JobView): boolean {
  assert.notEqual(status, 'failed', description);
  return status === 'done';
}

/** What `fetch` does not do: a GET with a body. */
async function getWithBody(url: URL, body: string): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const asked = request(url, { method: 'GET', headers });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: JSON.parse(await text(answer)) };
}

test('F(1) is 0 and F(2) is 1, each is the sum of the two before it, and the hundredth is known', () => {
  let [at, next] = [0, 1];
  for (let n = 1; n <= 1_000; n += 1) {
    assert.equal(fibonacci(n), at, String(n));
    [at, next] = [next, (at + next) % modulus];
  }
  assert.equal(fibonacci(100), 94_208_912);
});

suite('the contract', () => {
  let app: App;
  let ask: Ask;
  before(async () => {
    app = await start({});
    ask = asking(app);
  });
  after(() => app[Symbol.asyncDispose]());

  test('a job is taken, done, and told with all its fields', async () => {
    const before = Date.now();
    const id = await take(ask, 100);
    const { init_time, finished_time, ...job } = await until(ask, id, isDone);
    assert.deepEqual(job, {
      job_id: id,
      status: 'done',
      input: 100,
      output: 94_208_912,
      mod: 1_000_000_007,
      description: 'F(100) modulo 1000000007',
    });
    for (const time of [init_time, finished_time ?? ''])
      assert.equal(new Date(time).toISOString(), time, 'an ISO time');
    assert.ok(Date.parse(init_time) > before - 1_000 && init_time <= (finished_time ?? ''));
  });

  test('the largest index there is stalls nobody', async () => {
    const { output } = await until(ask, await take(ask, Number.MAX_SAFE_INTEGER), isDone);
    assert.equal(output, 384_484_459);
  });

  test('what is no whole number from 1 is refused, with a problem', async () => {
    for (const n of ['0', '-1', '1.5', '1e3', 'abc', '9007199254740992', '%00', '__proto__']) {
      const { status, body } = await ask('api', `POST /job/${n}`);
      assert.deepEqual([status, (body as { code: string }).code], [400, 'INVALID_INPUT'], n);
    }
    for (const n of [0, -1, 1.5, '100', null, undefined])
      assert.equal((await ask('worker', 'POST /process', { n })).status, 400, String(n));
  });

  test('an unknown job is not found, and what is no id is refused', async () => {
    for (const [side, route] of [
      ['api', 'GET /job/'],
      ['worker', 'GET /info?id='],
    ] as const) {
      const { status, body } = await ask(side, `${route}999999`);
      assert.deepEqual([status, (body as { detail: string }).detail], [404, 'Job 999999 not found']);
      for (const id of ['0', 'abc', '1.5']) assert.equal((await ask(side, `${route}${id}`)).status, 400, id);
    }
    assert.equal((await ask('worker', 'GET /info')).status, 400);
  });

  test('the worker takes jobs and tells of them too; an id may come in the body', async () => {
    const { status, body } = await ask('worker', 'POST /process', { n: 10 });
    const { job_id: id, ...rest } = body as { job_id: number };
    assert.deepEqual([status, rest], [200, { taken: true }]);
    const job = await until(ask, id, isDone);
    assert.equal(job.output, 34);
    assert.deepEqual((await ask('worker', `GET /info?id=${String(id)}`)).body, job);
    const url = new URL('/info', app.gatewayUrl('fibonacci-worker'));
    assert.deepEqual(await getWithBody(url, JSON.stringify({ id })), { status: 200, body: job });
    assert.deepEqual(((await ask('worker', 'GET /all')).body as JobView[])[0], job);
  });

  test('all jobs are listed page by page, the newest first, or those of one state', async () => {
    for (const n of [1, 2, 3]) await until(ask, await take(ask, n), isDone);
    const all = (await ask('api', 'GET /list-all')).body as JobView[];
    assert.deepEqual(
      all.slice(0, 3).map(({ input, output }) => [input, output]),
      [
        [3, 1],
        [2, 1],
        [1, 0],
      ],
    );
    for (const query of ['limit=2', 'limit=2&status=done']) {
      const seen: JobView[] = [];
      for (let cursor = ''; ;) {
        const page = (await ask('api', `GET /list-all?${query}${cursor}`)).body as JobView[];
        seen.push(...page);
        if (page.length < 2) break;
        cursor = `&cursor=${String(page.at(-1)?.job_id)}`;
      }
      assert.deepEqual(seen, all, query);
    }
    for (const status of ['pending', 'running', 'failed'])
      assert.deepEqual(await ask('api', `GET /list-all?status=${status}`), { status: 200, body: [] });
  });

  test('a state, a limit or a cursor that there is not is refused', async () => {
    for (const query of ['status=lost', 'status=cancelled', 'limit=0', 'limit=251', 'cursor=x', 'page=2'])
      assert.equal((await ask('api', `GET /list-all?${query}`)).status, 400, query);
    assert.equal((await ask('api', 'GET /list-all?cursor=999999')).status, 404);
  });

  test('each gateway serves its own service, and its document says so', async () => {
    assert.equal((await ask('api', 'GET /all')).status, 404);
    assert.equal((await ask('worker', 'GET /list-all')).status, 404);
    const pathsOf = async (side: Side): Promise<string[]> => {
      const { body } = await ask(side, 'GET /openapi.json');
      return Object.keys((body as { paths: object }).paths);
    };
    const [api, worker] = [await pathsOf('api'), await pathsOf('worker')];
    assert.deepEqual([api.includes('/job/{n}'), api.includes('/process')], [true, false]);
    assert.deepEqual([worker.includes('/job/{n}'), worker.includes('/process')], [false, true]);
  });
});

test('a job that has failed is not begun again, and says why', async () => {
  await using app = await start({ FIBONACCI_FAIL_ONE_IN: '1' });
  const ask = asking(app);
  const id = await take(ask, 5);
  const what = 'F(5) modulo 1000000007';
  const job = await until(ask, id, ({ description }) => description !== what);
  assert.deepEqual(
    [job.status, job.output, job.description],
    ['failed', null, `${what}: failed at random, as it was asked to`],
  );
  assert.notEqual(job.finished_time, null);
  assert.deepEqual((await ask('api', 'GET /list-all?status=failed')).body, [job]);
});

test('no job is lost, and no id used twice, whoever dies or is away', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'fibonacci-'));
  const env = {
    FIBONACCI_STORE: `sqlite:${join(folder.path, 'store.db')}`,
    FIBONACCI_WORKERS: '2',
    FIBONACCI_DELAY_MS: '500',
  };
  const ids: number[] = [];
  {
    await using app = await start(env, { processes: true });
    const ask = asking(app);

    await app.stop('FibonacciWorker');
    for (const n of [100, 101]) ids.push(await take(ask, n));
    assert.deepEqual(
      await Promise.all(ids.map(async (id) => (await find(ask, id)).status)),
      ['pending', 'pending'],
      'taken though no worker is there',
    );
    assert.equal((await ask('worker', 'POST /process', { n: 1 })).status, 503);
    await app.start('FibonacciWorker');
    assert.equal((await until(ask, ids[0] ?? 0, isDone)).output, 94_208_912);

    ids.push(...(await Promise.all(Array.from({ length: 60 }, (_none, at) => take(ask, at + 1)))));
    await untilSomeRun(ask);
    await app.kill('FibonacciWorker#1');
    for (const id of ids) {
      const { input, output } = await until(ask, id, isDone);
      assert.equal(output, fibonacci(input));
    }
    assert.equal(((await ask('api', 'GET /list-all')).body as unknown[]).length, ids.length);
  }
  await using app = await start(env, { processes: true });
  const ask = asking(app);
  assert.equal((await find(ask, ids[0] ?? 0)).output, 94_208_912, 'what was done is still known');
  ids.push(await take(ask, 7));
  assert.equal((await until(ask, ids.at(-1) ?? 0, isDone)).output, 8);
  assert.equal(new Set(ids).size, ids.length);
});
