/** What processes leave on this machine or let in: core files, reports, debuggers, files that others may read. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  globSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { AppStatus } from '../../src/core/status.ts';
import { runDirectory } from '../../src/os/directories.ts';
import { countersPath, statisticsPath } from '../../src/os/shared-memory-path.ts';
import { allPids, fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { livesStill } from '../journeys/processes.ts';
import { WatchedApp } from './watched-app.ts';

const acts = fixture('faults/acts.ts');
const journey = fixture('journey/tutti.ts');

const coreLimitOf = (pid: number): string =>
  /Max core file size\s+(\S+)\s+(\S+)/
    .exec(readFileSync(`/proc/${String(pid)}/limits`, 'utf8'))
    ?.slice(1)
    .join() ?? '';

/** Files that were not there before, in every folder where a dying process could leave one. */
const traces = (folder: string): string[] =>
  [...globSync(`${folder}/**/*`), ...readdirSync(dirname(acts)), ...readdirSync('.')].filter((path) =>
    /(?:^|\/)(?:core(?:\.\d+)?|report\.[^/]*\.json|Heap[^/]*)$/.test(path),
  );

const setsLimits = spawnSync('prlimit', ['--core=unlimited:unlimited', 'true']).status === 0;

test('N-94 a process that aborts leaves no core file and no report, also where the shell allows cores', async (context) => {
  if (!setsLimits) {
    context.skip('needs prlimit, and a hard limit that lets cores be asked for');
    return;
  }
  using home = makeHome();
  // Ours inherit what this process may do.
  spawnSync('prlimit', ['--core=unlimited:unlimited', '--pid', String(process.pid)]);
  await using app = new WatchedApp(home.folder, acts);
  const status = await app.ready();
  for (const pid of allPids(status))
    assert.equal(coreLimitOf(pid), '0,0', readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8'));
  const before = traces(home.folder);
  process.kill(pidOf(status, 'actor#1'), 'SIGABRT');
  await app.until(
    'it is back',
    (now) => instanceOf(now, 'actor#1').epoch === 2 && instanceOf(now, 'actor#1').state === 'ready',
  );
  process.kill(status.pids.supervisor, 'SIGABRT');
  const next = await app.until(
    'there is a successor',
    ({ pids }) => pids.supervisor !== status.pids.supervisor,
  );
  assert.equal(coreLimitOf(next.pids.supervisor), '0,0');
  assert.deepEqual(traces(home.folder), before);
  await app.end();
});

/** Of the sockets that these processes hold, the ports on which they listen. */
function portsOf(pids: readonly number[]): number[] {
  const held = new Set(
    pids.flatMap((pid) => {
      const { stdout } = spawnSync('ls', ['-l', `/proc/${String(pid)}/fd`], { encoding: 'utf8' });
      return [...stdout.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode);
    }),
  );
  const lines = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/net/${name}`, 'utf8').split('\n').slice(1),
  );
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return fields
    .filter((line) => line[3] === '0A' && held.has(line[9]))
    .map((line) => Number.parseInt(line[1]?.split(':')[1] ?? '', 16));
}

test('N-122 neither SIGUSR1 nor NODE_OPTIONS opens a debugger in an instance, and SIGUSR1 in none of ours', async (context) => {
  if (process.platform !== 'linux') {
    context.skip('needs /proc');
    return;
  }
  using home = makeHome();
  await using app = new WatchedApp(home.folder, journey);
  const first = await app.ready();
  const port = Number(new URL(await app.url()).port);
  for (const pid of allPids(first)) process.kill(pid, 'SIGUSR1');
  assert.equal((await fetch(`${await app.url()}/say/x`)).status, 200);
  const after = await app.status();
  assert.deepEqual(allPids(after), allPids(first), 'nobody died of it');
  assert.deepEqual([...new Set(portsOf(allPids(after)))], [port]);
  assert.doesNotMatch(app.said, /Debugger listening/);
  await app.end();

  using other = makeHome();
  await using inspected = new WatchedApp(other.folder, journey, { NODE_OPTIONS: '--inspect=127.0.0.1:0' });
  const status = await inspected.ready();
  const instances = (now: AppStatus): number[] => allPids(now).slice(2);
  assert.deepEqual([...new Set(portsOf(instances(status)))], [Number(new URL(await inspected.url()).port)]);
  await inspected.end();
});

const withMode = (path: string): string => {
  const found = lstatSync(path);
  return `${path} ${(found.mode & 0o777).toString(8)} ${String(found.nlink)} ${String(found.isSymbolicLink())}`;
};

test('N-82 whatever the umask, every file of an app is its owner’s alone', async () => {
  using home = makeHome();
  const before = process.umask(0);
  await using app = new WatchedApp(home.folder, acts);
  process.umask(before);
  await app.ready();
  await app.admin.post('/scale', { service: 'actor', replicas: 2 });
  await app.until('it is scaled', (now) =>
    now.services.some(({ name, ready }) => name === 'actor' && ready === 2),
  );
  const runDir = runDirectory(acts, { XDG_RUNTIME_DIR: home.folder, tmp: home.folder, uid: 0 });
  const inState = (path: string): string => join(home.folder, '.tutti', path);
  const paths = [
    ...globSync([`${runDir}/*`, `${home.folder}/.tutti/**/*`]),
    ...[statisticsPath(runDir), countersPath(runDir), inState('lock.db'), inState('running.json')],
  ];
  assert.ok(paths.includes(inState('overrides.json')) && paths.length > 10, paths.join());
  for (const path of paths) assert.equal(lstatSync(path).mode & 0o077, 0, withMode(path));
  await app.end();
});

test('N-82 a symlink where an app is about to write is not followed', async () => {
  using home = makeHome();
  const victim = join(home.folder, 'victim');
  writeFileSync(victim, 'as it was');
  const state = join(home.folder, '.tutti');
  mkdirSync(join(state, 'spool'), { recursive: true, mode: 0o700 });
  for (const name of ['running.json', 'overrides.json', 'spool/actor.1.out', 'spool/offsets.json'])
    symlinkSync(victim, join(state, name));
  await using app = new WatchedApp(home.folder, acts, { REPLICAS: '2' });
  await app.until('the others are ready', (now) => instanceOf(now, 'actor#2').state === 'ready');
  await app.until('the first one was tried', (now) =>
    ['backoff', 'failed', 'ready'].includes(instanceOf(now, 'actor#1').state),
  );
  await app.admin.post('/stop', { target: 'actor#2' });
  await app.admin.post('/scale', { service: 'actor', replicas: 1 });
  const { pids } = await app.status();
  app.child.kill('SIGTERM');
  assert.equal(await app.exited, 0);
  assert.equal(readFileSync(victim, 'utf8'), 'as it was');
  assert.equal(livesStill(pids.supervisor), false);
});
