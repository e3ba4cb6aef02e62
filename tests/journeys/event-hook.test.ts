import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TuttiEvent } from '../../src/core/events.ts';
import { Command, fixture, instanceOf, makeHome, pidOf } from './command.ts';

const rolling = fixture('rolling/tutti.ts');

test('onEvent hears every event in order, through its own death and that of the supervisor, and a failure ends nothing', async () => {
  using home = makeHome();
  const env = { FOLDER: home.folder, HOOK: './on-event.ts', REPLICAS: '1' };
  await using app = new Command(home.folder, ['start', rolling], env);
  const heard = (): TuttiEvent[] =>
    readFileSync(join(home.folder, 'heard.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TuttiEvent);
  const hears = async (what: (event: TuttiEvent) => boolean): Promise<void> => {
    await app.until('it is heard', () => heard().some(what));
  };
  const status = await app.ready();
  await app.admin.post('/scale', { service: 'worker', replicas: 2 });
  await hears(
    (event) => event.type === 'instance' && event.instance === 'worker#2@1' && event.to === 'ready',
  );
  // What happens while it is stopped is told to the one after it, by the supervisor after this one.
  process.kill(pidOf(status, 'hook:events#1'), 'SIGSTOP');
  await app.admin.post('/scale', { service: 'worker', replicas: 3 });
  await app.until('a third is ready', (now) => now.services.some(({ ready }) => ready === 3));
  process.kill(status.pids.supervisor, 'SIGKILL');
  process.kill(pidOf(status, 'hook:events#1'), 'SIGKILL');
  const after = await app.until('both are back', (now) => {
    const hook = instanceOf(now, 'hook:events#1');
    return now.generation === 2 && hook.epoch === 2 && hook.state === 'ready';
  });
  process.kill(pidOf(after, 'worker#1'), 'SIGKILL');
  await hears(
    (event) => event.type === 'instance' && event.instance === 'worker#1@2' && event.to === 'ready',
  );
  await app.admin.post('/stop', {});
  await app.exited;
  const all = heard();
  const numbers = [...new Set(all.map(({ seq }) => seq))];
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => a - b),
    'in order, but for what is said again after a death',
  );
  const names = all.flatMap((event) => (event.type === 'app' ? [event.name] : []));
  for (const name of ['app:started', 'service:scaled', 'supervisor:replaced', 'app:stopping'] as const)
    assert.ok(names.includes(name), name);
  const isStopped = (event: TuttiEvent): boolean =>
    event.type === 'instance' && event.instance.startsWith('worker') && event.to === 'stopped';
  assert.ok(all.some(isStopped), 'it stops last, and so hears how the others did');
  const kept = readFileSync(join(home.folder, '.tutti/events/events.jsonl'), 'utf8').split('\n');
  const stored = kept.filter((line) => line !== '').map((line) => (JSON.parse(line) as TuttiEvent).seq);
  const missed = stored.filter((seq) => seq <= (numbers.at(-1) ?? 0) && !numbers.includes(seq));
  assert.deepEqual(missed, [], 'none was left out');
});
