import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemClock } from '../../src/os/clock.ts';
import { bootId, liveProcesses, parseStat, readProcess } from '../../src/os/proc.ts';
import { groupMembers, killGroups, signalGroup } from '../../src/os/process-groups.ts';
import { isStillOurs, ProcessesFile, sweep } from '../../src/os/processes-file.ts';
import { TemporaryFolder } from './temporary-folder.ts';

/** A process group whose leader and one child ignore SIGTERM. */
async function startGroup(): Promise<{ leader: ChildProcess; pid: number; startTime: number }> {
  const sleep = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`;
  const script = `${sleep} const c = require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(`${sleep} console.log(1)`)}]); c.stdout.pipe(process.stdout);`;
  const leader = spawn(process.execPath, ['-e', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(leader.stdout, 'data');
  const pid = leader.pid ?? 0;
  return { leader, pid, startTime: readProcess(pid)?.startTime ?? 0 };
}

test('a process is read from /proc, also with a name made to confuse', () => {
  const self = readProcess(process.pid);
  assert.equal(self?.pid, process.pid);
  assert.equal(self.parent, process.ppid);
  assert.match(bootId(), /^[0-9a-f-]{36}$/);
  const fields = `S 7 8 9 0 -1 0 0 0 0 0 11 22 0 0 20 0 1 0 4242 0 0`;
  const expected = { pid: 5, state: 'S', parent: 7, group: 8, session: 9, cpuTicks: 33, startTime: 4242 };
  assert.deepEqual(parseStat(`5 (a) Z (b) c) ${fields}`), expected);
  assert.equal(parseStat('nonsense'), undefined);
  assert.equal(readProcess(2 ** 30), undefined);
});

test('killing a group ends every member, also when the leader is gone', async () => {
  const { leader, pid } = await startGroup();
  assert.equal(groupMembers(pid).length, 2);
  assert.equal(signalGroup(pid, 'SIGTERM'), true);
  leader.kill('SIGKILL');
  await once(leader, 'exit');
  assert.equal(groupMembers(pid).length, 1);
  assert.deepEqual(await killGroups([pid], { clock: systemClock }), []);
  assert.equal(groupMembers(pid).length, 0);
  assert.deepEqual(await killGroups([pid], { clock: systemClock }), []);
});

test('what would signal everybody is refused', () => {
  for (const group of [-1, 0, 1, NaN, 1.5]) assert.throws(() => signalGroup(group, 0), RangeError);
});

test('a sweep ends what was left, leader or not, and forgets who was gone', async () => {
  using folder = new TemporaryFolder();
  const [whole, headless] = [await startGroup(), await startGroup()];
  headless.leader.kill('SIGKILL');
  await once(headless.leader, 'exit');
  const file = new ProcessesFile(folder.path);
  file.spawned({ pid: whole.pid, startTime: whole.startTime, pgid: whole.pid, key: 'users#1' });
  file.spawned({ pid: headless.pid, startTime: headless.startTime, pgid: headless.pid, key: 'users#2' });
  file.spawned({ pid: 99_999, startTime: 1, pgid: 99_999, key: 'users#3' });
  file.gone(99_999);
  file.close();
  const { killed, left } = await sweep(folder.path, systemClock);
  assert.deepEqual([killed.map(({ key }) => key), left], [['users#1', 'users#2'], []]);
  assert.deepEqual([...groupMembers(whole.pid), ...groupMembers(headless.pid)], []);
  assert.deepEqual((await sweep(folder.path, systemClock)).killed, []);
});

test('a stranger with a reused pid is left alone, and so is one of another boot', async () => {
  using folder = new TemporaryFolder();
  const { pid, startTime } = await startGroup();
  const line = { pid, startTime, pgid: pid, key: 'users#1', boot: bootId() };
  const lines = [
    { ...line, startTime: startTime - 1 },
    { ...line, boot: 'another' },
    { ...line, pid: 1, pgid: 1 },
    5,
    null,
  ];
  const text = [...lines.map((one) => JSON.stringify(one)), '{"pid":', ''].join('\n');
  writeFileSync(folder.file('processes'), text);
  assert.deepEqual((await sweep(folder.path, systemClock)).killed, []);
  assert.equal(groupMembers(pid).length, 2);
  await killGroups([pid], { clock: systemClock });
});

test('members without their leader are ours by session and age', () => {
  const entry = { pid: 50, startTime: 1_000, pgid: 50, key: 'users#1' };
  const member = { pid: 60, state: 'S', parent: 1, group: 50, session: 50, cpuTicks: 0, startTime: 1_500 };
  assert.equal(isStillOurs(entry, [member]), true);
  assert.equal(isStillOurs(entry, [{ ...member, session: 40 }]), false);
  assert.equal(isStillOurs(entry, [{ ...member, startTime: 900 }]), false);
  assert.equal(isStillOurs(entry, [{ ...member, group: 51 }]), false);
  assert.equal(isStillOurs(entry, [member, { ...member, pid: 50, startTime: 2_000 }]), false);
  assert.equal(isStillOurs(entry, []), false);
});

test('the file of processes stays short over 10,000 spawns', () => {
  using folder = new TemporaryFolder();
  const file = new ProcessesFile(folder.path);
  file.spawned({ pid: 5_000, startTime: 1, pgid: 5_000, key: 'stays' });
  for (let pid = 10_000; pid < 20_000; pid++) {
    file.spawned({ pid, startTime: 1, pgid: pid, key: 'users#1' });
    file.gone(pid);
  }
  file.close();
  const text = readFileSync(folder.file('processes'), 'utf8');
  assert.ok(text.length < 500_000, String(text.length));
  assert.match(text, /"stays"/);
});

test('reading all processes of the machine finds this one', () => {
  assert.ok(liveProcesses().some(({ pid }) => pid === process.pid));
});
