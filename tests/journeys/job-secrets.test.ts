/** N-92 What is in a job is for its handler and for who asks for the job: it is in no log line, no metric, no event of the app, and strangers hear nothing of a bug. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { makeHome } from './command.ts';
import { Works } from './works.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}

test('N-92 a secret in the input, progress and log of a job is nowhere else; one in the message of an error is in the log alone', async () => {
  using home = makeHome();
  await using app = new Works(home.folder, { PORT: '0' });
  await app.ready();
  const url = await app.url();
  const ask = async (method: string, path: string, body?: object): Promise<Answer> => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  const add = async (input: object): Promise<string> =>
    (JSON.parse((await ask('POST', '/jobs/work', { input })).text) as { id: string }).id;
  const told = await add({ number: 1, how: 'tells canary-told' });
  const thrown = await add({ number: 2, how: 'throws canary-thrown' });
  assert.equal((await app.end(told)).progress, 'tells canary-told');
  assert.equal((await app.end(thrown)).state, 'failed');
  const misfit = await ask('POST', '/jobs/work', { input: { number: 'canary-misfit', how: 7 } });
  assert.deepEqual([misfit.status, misfit.text.includes('canary')], [400, false]);

  const { reason } = JSON.parse((await ask('GET', `/jobs/work/${thrown}`)).text) as { reason: string };
  assert.equal(reason, 'Something went wrong on our side');
  const seen = {
    metrics: (await ask('GET', '/metrics')).text,
    services: (await ask('GET', '/services')).text,
    openApi: (await ask('GET', '/openapi.json')).text,
    status: JSON.stringify(await app.status()),
    queues: JSON.stringify(await app.admin.get('/jobs')),
  };
  assert.match(seen.metrics, /tutti_jobs\{/);
  for (const [where, text] of Object.entries(seen)) assert.doesNotMatch(text, /canary/, where);
  // What the app says to who runs it: why a job failed is what he has to know, and nothing of what is in one that did not.
  await app.hears('A job has failed');
  assert.match(app.said, /canary-thrown/);
  assert.doesNotMatch(app.said, /canary-told|canary-misfit/);
  // All that it leaves beside its store, and what the workers of this test write down: its events, its logs, its memory of itself.
  const files = globSync(`${home.folder}/**/*`).filter((path) => statSync(path).isFile());
  const others = files.filter((path) => !/store[^/]*\.db|\/heard$/.test(path));
  assert.ok(others.length > 0);
  for (const path of others)
    assert.doesNotMatch(readFileSync(path, 'latin1'), /canary-told|canary-misfit/, path);
  const events = others.filter((path) => path.includes('events'));
  for (const path of events) assert.doesNotMatch(readFileSync(path, 'latin1'), /canary/, path);
});
