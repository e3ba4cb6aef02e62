/** The ends of a keeper: signals, its own death, a second one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { exitOf, isAlive, PlayedKeeper, until } from './start-keeper.ts';

/** Beyond the time within which two signals count as one. */
const echoMs = 300;

test('the first signal asks the supervisor to stop, which decides the exit code', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start();
  const { supervisor } = await app.supervisor(1);
  keeper.kill('SIGTERM');
  const stop = await supervisor.next('stop');
  assert.deepEqual([stop.reason, stop.count], ['SIGTERM', 1]);
  await supervisor.ask({ op: 'finish', code: 0 });
  supervisor.tell({ op: '$exit', code: 0 });
  assert.equal(await exitOf(keeper), 0);
});

test('a second Ctrl-C ends everything with 130', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start();
  const { supervisor } = await app.supervisor(1);
  const { pid } = await supervisor.ask(app.order('users#1', { vice: 'deaf' }));
  keeper.kill('SIGINT');
  await supervisor.next('stop');
  await pause(echoMs);
  keeper.kill('SIGINT');
  assert.equal(await exitOf(keeper), 130);
  assert.deepEqual([isAlive(Number(pid)), isAlive(supervisor.pid)], [false, false]);
});

test('two signals at once, as npm and the terminal send them, are one', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start();
  const { supervisor } = await app.supervisor(1);
  keeper.kill('SIGINT');
  await supervisor.next('stop');
  keeper.kill('SIGINT');
  await supervisor.ask({ op: 'finish', code: 0 });
  supervisor.tell({ op: '$exit', code: 0 });
  assert.equal(await exitOf(keeper), 0);
});

test('a supervisor that does not finish in time costs no more than the grace', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start({ graceMs: 200 });
  const { supervisor } = await app.supervisor(1);
  const { pid } = await supervisor.ask(app.order('users#1', { vice: 'parent' }));
  const { child } = await app.said('users#1', 'child');
  process.kill(supervisor.pid, 'SIGSTOP');
  keeper.kill('SIGTERM');
  assert.equal(await exitOf(keeper), 1);
  assert.deepEqual([pid, child].map(Number).filter(isAlive), []);
});

test('a supervisor killed in the middle of a stop has a successor that is asked to stop too', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start();
  const { supervisor: first } = await app.supervisor(1);
  keeper.kill('SIGINT');
  await first.next('stop');
  process.kill(first.pid, 'SIGKILL');
  const { supervisor: second } = await app.supervisor(2);
  assert.equal((await second.next('stop')).count, 1);
  await second.ask({ op: 'finish', code: 0 });
  second.tell({ op: '$exit' });
  assert.equal(await exitOf(keeper), 0);
});

test('when the keeper is killed its instances see the end of their lifeline', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start();
  const { supervisor } = await app.supervisor(1);
  const { pid } = await supervisor.ask(app.order('users#1'));
  await app.said('users#1', 'pid');
  keeper.kill('SIGKILL');
  await until('the instance to end', () => !isAlive(Number(pid)));
  // It ends of the same; whoever sweeps sooner finds it.
  await until('the supervisor to end', () => !isAlive(supervisor.pid));
});

test('the next keeper sweeps what a dead one left, before it starts anything', async () => {
  await using app = new PlayedKeeper();
  const first = app.start();
  const { supervisor } = await app.supervisor(1);
  const { pid } = await supervisor.ask(app.order('users#1', { vice: 'deaf' }));
  await app.said('users#1', 'pid');
  first.kill('SIGKILL');
  await once(first, 'exit');
  assert.equal(isAlive(Number(pid)), true);
  app.start();
  const { welcome } = await app.supervisor(2);
  assert.equal(isAlive(Number(pid)), false);
  assert.deepEqual([welcome.generation, welcome.processes], [1, []]);
});

test('fault 28: of several keepers that start at once one wins, and the others exit 6', async () => {
  await using app = new PlayedKeeper();
  const keepers = [app.start(), app.start(), app.start()];
  await app.supervisor(1);
  const losers = await until('two losers', () => {
    const ended = keepers.filter((keeper) => keeper.exitCode !== null);
    return ended.length >= 2 && ended;
  });
  assert.deepEqual(
    losers.map((keeper) => keeper.exitCode),
    [6, 6],
  );
  await until('their sentences', () => app.stderr.split('\n').length >= 3);
});

test('a second keeper names the one that runs', async () => {
  await using app = new PlayedKeeper();
  const first = app.start();
  const { supervisor } = await app.supervisor(1);
  await supervisor.ask({ op: 'title', text: 'shop' });
  assert.equal(await exitOf(app.start()), 6);
  await until('a sentence', () =>
    app.stderr.includes(`shop is already running: process ${String(first.pid)}, ${app.appFile}`),
  );
});

test('another state directory does not make it another app', async () => {
  await using app = new PlayedKeeper();
  app.start();
  await app.supervisor(1);
  assert.equal(await exitOf(app.start({ stateDir: `${app.stateDir}-2` })), 6);
});
