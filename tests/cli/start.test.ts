/** Starting in the background and in the foreground, and which app a command means. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasProc } from '../../src/os/proc.ts';
import { CommandWorld, fixtureFolder } from './command-world.ts';

const other = join(fixtureFolder, 'other.ts');

test('start -d shows the start screen once all are ready; a second one is refused; stop waits for the end', async () => {
  await using world = new CommandWorld();
  const { code, out, err } = await world.run(['start', '-d']);
  assert.equal(code, 0, err);
  assert.match(out, /^parlour is ready in \d+\.\d s +tutti \d+\.\d+\.\d+, node 24/);
  assert.match(out, /greeter +2 of 2 +1\.2\.0 +\d+ \d+/);
  assert.match(out, /try +curl http:\/\/127\.0\.0\.1:\d+\/hello\n/);
  assert.match(out, /stop +npx tutti stop\n/);

  const second = await world.run(['start', '-d']);
  assert.equal(second.code, 6);
  assert.match(
    second.err,
    /parlour is already running: process \d+, .*\n {2}See it: npx tutti status; end it: npx tutti stop/,
  );

  const stopped = await world.run(['stop']);
  assert.equal(stopped.code, 0, stopped.err);
  assert.match(stopped.out, /^parlour has stopped: 4 instances ended in \d+\.\d s\n$/);
  const elsewhere = ['status', '--app', join(fixtureFolder, 'tutti.ts')];
  const named = await world.run(elsewhere, { cwd: world.folder });
  assert.match(named.err, /Start it: npx tutti start \S+\/tests\/fixtures\/cli\/tutti\.ts\n$/);
  for (const args of [
    ['status'],
    ['stop'],
    ['call', 'greeter.hello'],
    ['logs', '-f'],
    ['start', 'greeter'],
  ]) {
    const again = await world.run(args);
    assert.equal(again.code, 6);
    assert.match(again.err, /tutti\.ts is not running\.\n {2}Start it: npx tutti start\n$/);
  }
});

test('with no app file and no app running a command says how to start one', async () => {
  await using world = new CommandWorld();
  const { code, err } = await world.run(['status'], { cwd: world.folder });
  assert.equal(code, 6);
  assert.equal(
    err,
    'tutti: No app is running, and there is no tutti.ts, tutti.js, tutti.mjs here or above.\n  Name the app file: --app path/to/tutti.ts\n',
  );
});

test('between two running apps nobody guesses', async () => {
  await using world = new CommandWorld();
  const starts = [
    world.run(['start', '-d']),
    world.run(['start', other, '-d'], { env: { TUTTI_STATE_DIR: join(world.folder, 'other') } }),
  ];
  for (const { code, err } of await Promise.all(starts)) assert.equal(code, 0, err);
  const { code, err } = await world.run(['status'], { cwd: world.folder });
  assert.equal(code, 2);
  assert.match(err, /Several apps are running:\n(?: {2}.*\n)+/);
  for (const name of ['annex', 'parlour']) assert.match(err, new RegExp(`^ {2}${name} {2}/`, 'm'));
  assert.match((await world.run(['status', '--app', other], { cwd: world.folder })).out, /^annex is healthy/);
});

test('a configuration that is invalid is exit code 3, with the reason', async () => {
  await using world = new CommandWorld();
  const { code, err } = await world.run(['start', '-d'], { env: { PORT: 'x' } });
  assert.equal(code, 3);
  assert.match(err, /PORT is "x": /);
  assert.equal((await world.run(['start', './nowhere.ts', '-d'])).code, 3);
});

test('a port that is taken is one line and exit code 1, and nothing is left', async () => {
  await using world = new CommandWorld();
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const { code, err } = await world.run(['start', '-d'], { env: { PORT: String(port) } });
  server.close();
  assert.equal(code, 1);
  const holder = hasProc ? ` by process ${String(process.pid)} \\(.*\\)` : '';
  const next = 'stop who has it, or choose another port in gateways: \\{ public: \\{ port \\} \\}';
  assert.match(
    err,
    new RegExp(
      `^tutti: Port ${String(port)} on 127\\.0\\.0\\.1 is taken${holder}, and gateway public wants it: ${next}\n$`,
    ),
  );
  assert.equal((await world.run(['status'])).code, 6);
});

test('a port that is taken is told before services are read', async () => {
  await using world = new CommandWorld();
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const file = join(world.folder, 'tutti.mjs');
  const tutti = new URL('../../src/index.ts', import.meta.url).href;
  writeFileSync(
    file,
    `import { defineApp } from '${tutti}';\nexport default defineApp({ name: 'late', services: { none: { module: './none.ts' } }, gateways: { public: { port: ${String(port)} } } });\n`,
  );
  const { code, err } = await world.run(['start', file]);
  server.close();
  assert.equal(code, 1);
  assert.match(err, /is taken.* and gateway public wants it/);
});

test('a service that does not start is exit code 4 with its reason and last words; the app stays up', async () => {
  await using world = new CommandWorld();
  const { code, out, err } = await world.run(['start', '-d'], { env: { OPENS: 'never', MAX_RESTARTS: '0' } });
  assert.equal(code, 4);
  assert.match(out, /^parlour is degraded after /);
  assert.match(err, /greeter did not start \(greeter#1\): cannot open \(greeter\.ts:\d+\)/);
  assert.match(err, /the last lines it printed:\n {4}the database is not there\n/);
  const status = await world.ok('status');
  assert.match(status, /^parlour is unhealthy/);
  assert.match(status, /! greeter#1 has failed: cannot open/);
  const restarted = await world.run(['restart', 'greeter#1']);
  assert.equal(restarted.code, 1);
  assert.match(restarted.err, /greeter#1 has failed and is not started again: cannot open/);
});

test('what is not ready within --wait is exit code 4 and named', async () => {
  await using world = new CommandWorld();
  const { code, err } = await world.run(['start', '-d', '--wait', '3s'], { env: { OPENS: 'never' } });
  assert.equal(code, 4);
  // How far it got by then is the machine's: its first try has failed, is still under way, or the supervisor itself is late.
  assert.match(
    err,
    /greeter did not start \(greeter#1\): (cannot open|starting)[^]*npx tutti why greeter\n|nothing answers after 3\.0 s/,
  );
  const late = await world.run(['start', 'greeter', '--wait', '200ms']);
  assert.equal(late.code, 4);
  assert.match(late.err, /^tutti: after 0\.2 s greeter#\d is still \w+: /m);
});

test('start in the foreground becomes the keeper, and one signal ends it with 0', async () => {
  await using world = new CommandWorld();
  const started = world.start(['start']);
  await started.printed(/"message":"The app is ready"/);
  assert.match(await world.ok('status'), /^parlour is healthy/);
  started.child.kill('SIGINT');
  assert.equal((await started.ended).code, 0);
});
