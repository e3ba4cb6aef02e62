/** Apps whose store is in a Redis, as several machines have it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { EngineServer } from '../stores/change-log/engine-servers.ts';
import { missing, startRedis } from '../stores/change-log/engine-servers.ts';
import { makeHome } from './command.ts';
import { Works } from './works.ts';
import { slowTest } from '../fuzz/chance.ts';

const skip = missing.redis;
const password = 'hunter2-of-the-store';
let redis: EngineServer;

before(async () => {
  if (skip === false) redis = await startRedis({ requirepass: password });
});
after(async () => {
  if (skip === false) await redis[Symbol.asyncDispose]();
});

const urlOf = (secret: string): string => redis.url.replace('//', `//:${secret}@`);
const storeEnv = (name: string, secret = password): Record<string, string> => ({
  TUTTI_TEST_STORE: urlOf(secret),
  TUTTI_TEST_STORE_NAME: name,
});

/** The keeper, and all that it started. */
function pidsOf(app: Works): number[] {
  const children = (pid: number): number[] =>
    readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .split(' ')
      .filter((text) => text !== '')
      .map(Number)
      .flatMap((child) => [child, ...children(child)]);
  const keeper = app.child.pid ?? 0;
  return [keeper, ...children(keeper)];
}

test(
  'what one machine acknowledged another one does, when the first is gone; until then it is told who has the store',
  { skip },
  async (context) => {
    using here = makeHome();
    using there = makeHome();
    await using first = new Works(here.folder, storeEnv('shared'));
    await first.ready();
    const id = await first.add({ number: 1 }, { delayMs: 4_000 });
    await using second = new Works(there.folder, storeEnv('shared'));
    await second.until('the other one is named', () => second.said.includes('The store has another owner'));
    for (const pid of pidsOf(first)) process.kill(pid, 'SIGKILL');
    const goneAt = performance.now();
    await second.ready(60_000);
    context.diagnostic(
      `the other one has the store after ${String(Math.round(performance.now() - goneAt))} ms`,
    );
    const job = await second.end(id);
    assert.deepEqual([job.state, job.result], ['done', { number: 2 }]);
  },
);

test('the password of a store is in nothing that an app shows or writes', { skip }, async () => {
  using home = makeHome();
  await using app = new Works(home.folder, { ...storeEnv('canary'), PORT: '0' });
  await app.ready();
  await app.end(await app.add({ number: 1 }));
  const { services } = await app.status();
  const url = services.flatMap(({ urls }) => urls)[0] ?? assert.fail('there is no gateway');
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /tutti_store_ack\{[^}]*class="disk"[^}]*\} 1/);
  const shown = [
    metrics,
    JSON.stringify(await app.admin.get('/status')),
    JSON.stringify(await app.admin.get('/store')),
    ...pidsOf(app).map((pid) => readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')),
    app.said,
  ];
  assert.ok(shown.join('').includes(new URL(redis.url).host), 'the store is named');
  for (const text of shown) assert.doesNotMatch(text, new RegExp(password));
  const files = globSync('**/*', { cwd: home.folder })
    .map((file) => `${home.folder}/${file}`)
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
  assert.ok(
    files.some((file) => file.endsWith('.db')),
    'and its file is looked at',
  );
  for (const file of files) assert.equal(readFileSync(file).includes(password), false, file);
});

slowTest('a wrong password is named as such, and not shown', { skip }, async () => {
  using home = makeHome();
  await using app = new Works(home.folder, storeEnv('refused', 'another-secret'));
  await app.until('it says why', () => /WRONGPASS/.test(app.said));
  assert.doesNotMatch(app.said, /another-secret/);
});
