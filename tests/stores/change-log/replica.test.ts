/** Everything that the areas do can be made again from the records of their commits. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const suites = ['jobs-area', 'job-pages', 'events-area', 'state/state-store', 'job-queue/schedules'];

test('a copy that is made of what commits changed is the store, row by row, whatever an area does', () => {
  const files = suites.map((suite) => `tests/stores/${suite}.test.ts`);
  const env = { ...process.env, TUTTI_TEST_STORE: 'replica', NODE_TEST_CONTEXT: undefined };
  const { stdout, status } = spawnSync(process.execPath, ['--test', ...files], { env, encoding: 'utf8' });
  assert.match(stdout, /ℹ fail 0|# fail 0/, stdout.slice(-4_000));
  assert.equal(status, 0);
  assert.ok(Number(/(?:ℹ|#) pass (\d+)/.exec(stdout)?.[1]) > 50, 'they have run');
});
