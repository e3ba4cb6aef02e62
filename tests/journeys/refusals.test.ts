import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command, fixture, makeHome } from './command.ts';

const journey = fixture('journey/tutti.ts');

test('fault 33: a port that is taken is one clear line and exit 1, and nothing is left', async () => {
  using home = makeHome();
  await using taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await using app = new Command(home.folder, ['start', journey], { PORT: String(port) });
  assert.equal(await app.exited, 1);
  assert.match(app.said, new RegExp(`Port ${String(port)} on 127.0.0.1 is taken`));
  assert.doesNotMatch(app.said, /\n\s+at /, 'no stack');
});

test('fault 28: a second start says who runs and exits 6', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', journey]);
  await app.ready();
  await using second = new Command(home.folder, ['start', journey]);
  assert.equal(await second.exited, 6);
  assert.match(second.said, new RegExp(`journey is already running: process ${String(app.pid)}`));
  assert.equal((await fetch(`${await app.url()}/say/x`)).status, 200);
});

const cases: [name: string, file: string, words: RegExp][] = [
  ['fault 8: a missing module', 'missing-module', /services\.ghost\.module: there is no file \.\/ghost\.ts/],
  [
    'fault 19: a cycle of needs',
    'cycle',
    /need each other in a circle: (left -> right -> left|right -> left -> right)/,
  ],
  [
    'fault 8: unknown options, all at once',
    'bad-options',
    /services\.echo\.replicaz: unknown option "replicaz"; did you mean "replicas"\?[\s\S]*services\.echo\.restart\.maxRestarts: expected a whole number >= 0, got "three"/,
  ],
  ['fault 8: a bad setting', 'bad-setting', /PORT is "many"/],
  ['fault 19: a need that is not there', 'unknown-need', /no service of this app is named "strangr"/],
  ['fault 19: a route that is there twice', 'same-route', /GET \/same/],
];
for (const [name, file, words] of cases)
  test(`${name} is told with its place, exit 3, and nothing is started`, async () => {
    using home = makeHome();
    await using app = new Command(home.folder, ['start', fixture(`refusals/${file}.ts`)], { PORT: 'many' });
    assert.equal(await app.exited, 3);
    assert.match(app.said, words);
    assert.doesNotMatch(app.said, /\n\s+at /, 'no stack');
  });

test('fault 8: a syntax error is told with its file, exit 3, and nothing is started', async () => {
  using home = makeHome();
  // Written here: neither formatter nor linter could read it.
  writeFileSync(join(home.folder, 'broken.js'), 'export default function ( {\n');
  writeFileSync(
    join(home.folder, 'tutti.js'),
    "export default { kind: 'app', name: 'bad', services: { broken: { module: './broken.js' } } };\n",
  );
  await using app = new Command(home.folder, ['start', join(home.folder, 'tutti.js')]);
  assert.equal(await app.exited, 3);
  assert.match(app.said, /services\.broken\.module: SyntaxError.*broken\.js/);
});

test('fault 8: a service whose open() throws leaves the app up and degraded, and says why and where', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', fixture('refusals/throwing-open.ts')]);
  const status = await app.until('it is tried again', ({ services }) =>
    services.some(({ instances }) => instances.some(({ state }) => state === 'backoff')),
  );
  const reason = status.services.find(({ name }) => name === 'thrower')?.instances[0]?.reason ?? '';
  assert.match(reason, /the database is not there \(.*thrower\.ts:\d+\)/);
  assert.equal(status.services.find(({ name }) => name === 'fine')?.ready, 1);
});
