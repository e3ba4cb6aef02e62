/** `tutti store` against apps that run, with a store and without. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AppStatus } from '../../src/core/status.ts';
import { fixture } from '../journeys/command.ts';
import { CommandWorld } from './command-world.ts';

const till = fixture('store/tutti.ts');

test('the store is looked at, copied and checked while the app runs; its service is found as `store`', async () => {
  await using world = new CommandWorld();
  await world.ok('start', till, '-d');
  const store = (...args: string[]): Promise<string> => world.ok('store', ...args, '--app', till);
  const about = await store();
  assert.match(
    about,
    /^kept in {3}SQLite\nanswers {3}disk: what was acknowledged survives the death of every process, and the loss of power \(synchronous=FULL, read back\)\nfile {6}\S+\/state\/store\.db\nsize {6}\d+ KB, and \d+ K?B in its log\ncommits {3}\d+ since it was opened/,
  );
  assert.equal((JSON.parse(await store('--json')) as { waiting: number }).waiting, 0);
  assert.match(await store('verify'), /^The store is sound: \d+ rows are as they were written\n$/);
  const copy = join(world.folder, 'copy.db');
  assert.match(await store('backup', copy), new RegExp(`^The store is copied to ${copy}, \\d+ KB\n$`));
  assert.ok(existsSync(copy));
  const refusals: [args: string[], words: RegExp][] = [
    [['backup'], /Say where the copy goes: npx tutti store backup copy\.db/],
    [['backup', copy], /copy\.db is there already: a copy replaces nothing/],
    [['backup', join(world.folder, 'nowhere', 'copy.db')], /There is no folder \S+nowhere/],
    [['mend'], /mend/],
  ];
  for (const [args, words] of refusals) {
    const { code, err } = await world.run(['store', ...args, '--app', till]);
    assert.equal(code, 2, err);
    assert.match(err, words);
  }
  assert.match(await world.ok('restart', 'store', '--app', till), /^store main#1 was restarted/);
});

test('a row that is not as it was written is told by its key, and the exit code is 1', async () => {
  await using world = new CommandWorld();
  await world.ok('start', till, '-d');
  const { services } = JSON.parse(await world.ok('status', '--json', '--app', till)) as AppStatus;
  const url = services.flatMap(({ urls }) => urls)[0] ?? '';
  const placed = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'one' },
    body: '{"product":"tea"}',
  });
  assert.equal(placed.status, 201);
  await world.ok('stop', '--app', till);
  const file = join(world.folder, 'state', 'store.db');
  const bytes = readFileSync(file);
  const at = bytes.indexOf('"status":201');
  assert.ok(at > 0, 'the answer is in the main file once the store is closed');
  bytes.write('"status":200', at);
  writeFileSync(file, bytes);

  await world.ok('start', till, '-d');
  const { code, err } = await world.run(['store', 'verify', '--app', till]);
  assert.equal(code, 1);
  assert.match(err, /^The store is damaged, in 1 place:\n {2}.*\["idempotency\/[^"]+"\] of state_entries/);
  assert.match(err, /Go back to a copy: npx tutti stop, put the copy in its place, npx tutti start/);
});

test('an app without a store says how to have one', async () => {
  await using world = new CommandWorld();
  await world.ok('start', '-d');
  const { code, err } = await world.run(['store']);
  assert.equal(code, 1);
  assert.match(err, /This app has no store\. One that keeps durable work has `store: \{\}` in its app file/);
});
