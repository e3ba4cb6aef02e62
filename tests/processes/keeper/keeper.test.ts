import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRunning } from '../../../src/os/running-file.ts';
import { exitOf, isAlive, PlayedKeeper, until } from './start-keeper.ts';

test('an instance gets its birth frames, and its arguments and environment as they are (N-87)', async () => {
  await using app = new PlayedKeeper();
  app.start();
  const { supervisor } = await app.supervisor(1);
  const args = ['none', '$(id)', '; rm x', 'two\nlines', '-e', '--inspect', '', '*', 'ü'];
  const env = { PATH: '/bin', STRANGE: '$HOME `id`\n; true' };
  const birth = [{ op: 'certificate', text: 'ü' }, { op: 'config' }];
  const answer = await supervisor.ask(app.order('users#1', { args, env, birth, title: 'tutti: users#1' }));
  assert.equal(answer.ok, true);
  const said = await app.said('users#1', 'args');
  assert.deepEqual(said['args'], args);
  assert.deepEqual(said['env'], env);
  assert.equal(said['cwd'], app.folder);
  assert.equal(said['pid'], answer['pid']);
  assert.deepEqual((await app.said('users#1', 'frame'))['frame'], birth[0]);
});

test('an exit is told, and kept until it is forgotten', async () => {
  await using app = new PlayedKeeper();
  app.start();
  const { supervisor, welcome } = await app.supervisor(1);
  assert.deepEqual([welcome.generation, welcome.processes, welcome.memos], [1, [], {}]);
  const { pid } = await supervisor.ask(app.order('users#1'));
  assert.equal((await supervisor.ask(app.order('users#1'))).error?.code, 'CONFLICT');
  await app.said('users#1', 'pid');
  const sent = await supervisor.ask({ op: 'signal', key: 'users#1', signal: 'SIGTERM', group: true });
  assert.equal(sent['sent'], true);
  const exited = await supervisor.next('exited');
  assert.deepEqual([exited.key, exited.epoch, exited.pid, exited.signal], ['users#1', 1, pid, 'SIGTERM']);
  const late = await supervisor.ask({ op: 'signal', key: 'users#1', signal: 'SIGKILL', group: true });
  assert.equal(late['sent'], false);
  assert.equal((await supervisor.list()).exited.length, 1);
  await supervisor.ask({ op: 'forget', key: 'users#1', epoch: 2 });
  assert.equal((await supervisor.list()).exited.length, 1);
  await supervisor.ask({ op: 'forget', key: 'users#1', epoch: 1 });
  assert.equal((await supervisor.list()).exited.length, 0);
});

test('what cannot be spawned is answered with the code, the call and the path', async () => {
  await using app = new PlayedKeeper();
  app.start();
  const { supervisor } = await app.supervisor(1);
  const noEntry = await supervisor.ask(app.order('a#1', { entry: '/nowhere/x.js' }));
  const noFolder = await supervisor.ask(app.order('a#1', { cwd: '/nowhere' }));
  const noListener = await supervisor.ask(app.order('a#1', { listeners: ['public'] }));
  assert.deepEqual(
    { ...noEntry.error, message: '' },
    { code: 'ENOENT', message: '', syscall: 'stat', path: '/nowhere/x.js' },
  );
  assert.deepEqual(
    { ...noFolder.error, message: '' },
    { code: 'ENOENT', message: '', syscall: 'stat', path: '/nowhere' },
  );
  assert.equal(noListener.error?.code, 'NOT_FOUND');
  assert.deepEqual((await supervisor.list()).processes, []);
});

test('the group of an instance is gone before its exit is told', async () => {
  await using app = new PlayedKeeper();
  app.start();
  const { supervisor } = await app.supervisor(1);
  const { pid } = await supervisor.ask(app.order('users#1', { vice: 'parent' }));
  const { child } = await app.said('users#1', 'child');
  process.kill(Number(pid), 'SIGKILL');
  await supervisor.next('exited');
  assert.equal(isAlive(Number(child)), false);
});

test('the successor of a killed supervisor gets memos, exits, the same instances, and how the one before it ended', async () => {
  await using app = new PlayedKeeper();
  app.start();
  const { supervisor: first, welcome: before } = await app.supervisor(1);
  const { pid, startTime } = await first.ask(app.order('users#1'));
  await app.said('users#1', 'pid');
  await first.ask({ op: 'memo', key: 'app', value: { revision: 7 } });
  await first.ask({ op: 'memo', key: 'users#1', value: 'gone' });
  await first.ask({ op: 'memo', key: 'users#1', value: null });
  const tooBig = await first.ask({ op: 'memo', key: 'users#2', value: 'x'.repeat(4_096) });
  assert.equal(tooBig.error?.code, 'PAYLOAD_TOO_LARGE');
  process.kill(first.pid, 'SIGKILL');
  const { welcome } = await app.supervisor(2);
  assert.equal(welcome.generation, 2);
  assert.deepEqual(
    [before.predecessor, welcome.predecessor],
    [undefined, { pid: first.pid, code: null, signal: 'SIGKILL' }],
  );
  assert.deepEqual(welcome.keys, before.keys);
  assert.deepEqual(welcome.memos, { app: { revision: 7 } });
  assert.deepEqual(welcome.processes, [{ key: 'users#1', epoch: 1, pid, startTime }]);
  assert.equal(isAlive(Number(pid)), true);
});

test('a listener is bound once, inherited by instances, and survives them all', async () => {
  await using app = new PlayedKeeper();
  app.start();
  const { supervisor } = await app.supervisor(1);
  const listen = { op: 'listen', name: 'public', host: '127.0.0.1', port: 0 } as const;
  const { port } = await supervisor.ask(listen);
  assert.deepEqual((await supervisor.ask(listen))['port'], port);
  const get = async (): Promise<string> => (await fetch(`http://127.0.0.1:${String(port)}/`)).text();
  const { pid: first } = await supervisor.ask(app.order('g#1', { vice: 'gateway', listeners: ['public'] }));
  assert.equal(await get(), String(first));
  process.kill(Number(first), 'SIGKILL');
  await supervisor.next('exited');
  const waiting = get();
  const { pid: second } = await supervisor.ask(
    app.order('g#1', { epoch: 2, vice: 'gateway', listeners: ['public'] }),
  );
  assert.equal(await waiting, String(second));
  await supervisor.ask({ op: 'signal', key: 'g#1', signal: 'SIGKILL', group: true });
  await supervisor.next('exited');
  await supervisor.ask({ op: 'unlisten', name: 'public' });
  await assert.rejects(get());
});

test('a port that is taken is answered with one sentence', async () => {
  await using app = new PlayedKeeper();
  app.start();
  const { supervisor } = await app.supervisor(1);
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const answer = await supervisor.ask({ op: 'listen', name: 'public', host: '127.0.0.1', port });
  other.close();
  assert.deepEqual(answer.error, {
    code: 'CONFIG_INVALID',
    message: `Port ${String(port)} on 127.0.0.1 is taken: stop who has it, or choose another port`,
  });
});

test('finish ends with its code when everything is gone', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start();
  const { supervisor } = await app.supervisor(1);
  const { pid } = await supervisor.ask(app.order('users#1', { vice: 'deaf' }));
  await app.said('users#1', 'pid');
  await supervisor.ask({ op: 'finish', code: 5 });
  supervisor.tell({ op: '$exit', code: 0 });
  assert.equal(await exitOf(keeper), 5);
  assert.equal(isAlive(Number(pid)), false);
  assert.equal(readRunning(app.stateDir), undefined);
});

test('a supervisor that refuses the configuration before it was up ends the keeper with its code', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start({
    supervisorEntry: join(import.meta.dirname, '../../fixtures/keeper/refuses.ts'),
  });
  assert.equal(await exitOf(keeper), 78);
});

test('a supervisor that was up once is started again whatever its code', async () => {
  await using app = new PlayedKeeper();
  app.start();
  const { supervisor } = await app.supervisor(1);
  supervisor.tell({ op: 'up' });
  supervisor.tell({ op: '$exit', code: 78 });
  assert.equal((await app.supervisor(2)).welcome.generation, 2);
});

test(
  'a supervisor that is killed again and again is back soon each time: it had been up',
  { timeout: 20_000 },
  async () => {
    await using app = new PlayedKeeper();
    app.start();
    // With the waits of an instance the last of them would come after half a minute.
    for (let generation = 1; generation < 9; generation += 1) {
      const { supervisor } = await app.supervisor(generation);
      supervisor.tell({ op: 'up' });
      supervisor.tell({ op: '$exit', code: 1 });
    }
    assert.equal((await app.supervisor(9)).welcome.generation, 9);
  },
);

const nonsense: Readonly<Record<string, Buffer>> = {
  'a huge length': Buffer.from('ffffffff', 'hex'),
  'what is not JSON': Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from('{"a')]),
  'an unknown request': frameOf('{"op":"reboot","id":1}'),
  'a spawn with wrong fields': frameOf('{"op":"spawn","id":1,"key":5}'),
};

for (const [what, bytes] of Object.entries(nonsense)) {
  test(`a supervisor that sends ${what} is replaced, and instances stay (N-30)`, async () => {
    await using app = new PlayedKeeper();
    app.start();
    const { supervisor } = await app.supervisor(1);
    const { pid } = await supervisor.ask(app.order('users#1'));
    supervisor.tell({ op: '$raw', bytes: bytes.toString('base64') });
    const { welcome } = await app.supervisor(2);
    assert.equal(welcome.processes[0]?.pid, pid);
  });
}

test('a supervisor that answers no ping is replaced', async () => {
  await using app = new PlayedKeeper();
  app.start({ pingMs: 100 });
  const { supervisor } = await app.supervisor(1);
  process.kill(supervisor.pid, 'SIGSTOP');
  const { welcome } = await app.supervisor(2);
  assert.equal(welcome.generation, 2);
  assert.equal(welcome.predecessor?.killedFor, 'it does not answer');
  assert.match(app.stderr, /does not answer/);
});

test('the title names the app, and so does running.json', async () => {
  await using app = new PlayedKeeper();
  const keeper = app.start();
  const { supervisor } = await app.supervisor(1);
  await supervisor.ask({ op: 'title', text: 'shop' });
  const title = readFileSync(`/proc/${String(keeper.pid)}/cmdline`, 'utf8');
  assert.match(title, /^tutti: keeper shop/);
  const { startedAt, ...running } = readRunning(app.stateDir) ?? { startedAt: 0 };
  const adminSocket = join(app.runDir, 'admin.sock');
  assert.deepEqual(running, { pid: keeper.pid, app: 'shop', appFile: app.appFile, adminSocket });
  assert.ok(startedAt > 0);
  for (const path of [app.runDir, app.stateDir]) assert.equal(statSync(path).mode & 0o777, 0o700);
});

test('a keeper does not start in directories that others could have laid out (N-81)', async () => {
  await using app = new PlayedKeeper();
  mkdirSync(app.runDir, { mode: 0o755 });
  const keeper = app.start();
  assert.equal(await exitOf(keeper), 3);
  await until('a sentence', () =>
    app.stderr.includes(`${app.runDir} is open to other users (mode 755): chmod 700`),
  );
});

function frameOf(text: string): Buffer {
  const bytes = Buffer.alloc(4 + text.length);
  bytes.writeUInt32BE(text.length);
  bytes.write(text, 4);
  return bytes;
}
