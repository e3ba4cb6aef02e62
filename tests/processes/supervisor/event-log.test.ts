import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import type { TuttiEvent } from '../../../src/core/events.ts';
import { newSlot } from '../../../src/core/instance-state.ts';
import { EventLog } from '../../../src/processes/supervisor/event-log.ts';
import { fakeClock } from '../../../src/testing/index.ts';
import { TemporaryFolder } from '../../os/temporary-folder.ts';

const generation = 2 ** 32;

function openLog(directory: string, nth = 1): { log: EventLog; told: TuttiEvent[] } {
  const told: TuttiEvent[] = [];
  const clock = fakeClock();
  const log = new EventLog({ clock, generation: nth, directory, onEvent: (event) => told.push(event) });
  return { log, told };
}

const note = (log: EventLog, reason: string): void => {
  log.note({ name: 'service:scaled', service: 'users', reason });
};
const reasons = (log: EventLog, after = 0): string[] => log.after(after).events.map(({ reason }) => reason);

test('numbers grow across successors and starts of the app, and a reader goes on where it was', () => {
  using folder = new TemporaryFolder();
  const { log: first } = openLog(folder.path);
  note(first, 'a');
  note(first, 'b');
  assert.deepEqual(
    first.after(0).events.map(({ seq }) => seq),
    [generation + 1, generation + 2],
  );
  const seen = first.after(0).last;
  first.close();
  const { log: successor } = openLog(folder.path, 2);
  note(successor, 'c');
  assert.deepEqual(
    successor.after(seen).events.map(({ seq, reason }) => [seq, reason]),
    [[2 * generation + 1, 'c']],
  );
  assert.deepEqual(reasons(successor), ['a', 'b', 'c']);
  successor.close();
  const { log: nextStart } = openLog(folder.path, 1);
  note(nextStart, 'd');
  assert.equal(nextStart.after(0).last, 2 * generation + 2, 'generation 1 again, and no number twice');
  nextStart.close();
});

test('the exit of a process is told with code, signal, how long it was ready, and its last lines', () => {
  using folder = new TemporaryFolder();
  const { log, told } = openLog(folder.path);
  const before = {
    ...newSlot('users', 1),
    epoch: 3,
    state: 'ready',
    readyAt: 1_000,
    spawnedAt: 900,
    pid: 417,
  } as const;
  const after = { ...before, state: 'pending', reason: 'killed by SIGKILL', failures: 1 } as const;
  const cause = {
    type: 'exited',
    epoch: 3,
    code: null,
    signal: 'SIGKILL',
    evidence: { stderr: ['last'] },
  } as const;
  log.transition({ before, after, cause, now: 61_000 });
  assert.deepEqual(told, [
    {
      ...{
        type: 'instance',
        seq: generation + 1,
        time: told[0]?.time,
        instance: 'users#1@3',
        service: 'users',
      },
      ...{ from: 'ready', to: 'pending', reason: 'killed by SIGKILL', failures: 1, crashLoop: false },
      evidence: { code: null, signal: 'SIGKILL', pid: 417, readyForMs: 60_000, stderr: ['last'] },
    },
  ]);
  assert.equal(log.since('users#1'), told[0]?.time);
  log.close();
});

test('what a dead writer left unfinished, and what is no event, is passed over', () => {
  using folder = new TemporaryFolder();
  const { log } = openLog(folder.path);
  note(log, 'a');
  log.close();
  const file = join(folder.path, 'events.jsonl');
  appendFileSync(file, '{"type":"app","seq":"x"}\nnull\n{"type":"app","seq":99');
  const { log: successor } = openLog(folder.path, 2);
  note(successor, 'b');
  assert.deepEqual(reasons(successor), ['a', 'b']);
  successor.close();
  const { log: third } = openLog(folder.path, 3);
  assert.deepEqual(reasons(third), ['a', 'b'], 'half a line did not swallow the next one');
  third.close();
});

test('it is bounded in memory and on disk, and tells what is the oldest that it has', () => {
  using folder = new TemporaryFolder();
  const { log } = openLog(folder.path);
  for (let n = 1; n <= 2.5 * bounds.events; n += 1) note(log, String(n));
  const { events, oldest, last } = log.after(0);
  assert.ok(events.length >= bounds.events && events.length <= bounds.events * 1.1, String(events.length));
  assert.deepEqual([events[0]?.seq, last], [oldest, generation + 2.5 * bounds.events]);
  log.close();
  const lines = (name: string): number =>
    readFileSync(join(folder.path, name), 'utf8').split('\n').length - 1;
  assert.deepEqual([lines('events.1.jsonl'), lines('events.jsonl')], [bounds.events, bounds.events / 2]);
  const { log: successor } = openLog(folder.path, 2);
  assert.equal(successor.after(0).events.length, bounds.events);
  successor.close();
});

test('a disk that takes nothing costs no event in memory, and is told on disk when it takes lines again', () => {
  using folder = new TemporaryFolder();
  const directory = join(folder.path, 'events');
  writeFileSync(directory, 'a file where the folder should be');
  const { log } = openLog(directory);
  note(log, 'a');
  note(log, 'b');
  assert.deepEqual(reasons(log), ['a', 'b']);
  rmSync(directory);
  mkdirSync(directory);
  note(log, 'c');
  log.close();
  const { log: successor } = openLog(directory, 2);
  assert.deepEqual(reasons(successor), ['2 events could not be written to disk', 'c']);
  successor.close();
});

test('a transition that a supervisor remembered, and died before it told it, is told by its successor, and no other is', () => {
  using folder = new TemporaryFolder();
  const { log: first } = openLog(folder.path);
  first.note({ name: 'app:started', reason: 'tutti.ts' });
  const stopped = newSlot('users', 1);
  const pending = { ...stopped, state: 'pending', reason: 'asked to start' } as const;
  first.transition({ before: stopped, after: pending, cause: { type: 'start' }, now: 0 });
  first.close();

  const { log: successor, told } = openLog(folder.path, 2);
  const starting = { ...pending, state: 'starting', epoch: 1, reason: 'starting' } as const;
  successor.catchUp(starting);
  successor.catchUp(starting);
  successor.catchUp(newSlot('users', 2));
  successor.catchUp({ ...newSlot('users', 3), state: 'pending' });
  assert.deepEqual(
    told.map((event) => event.type === 'instance' && [event.instance, event.from, event.to]),
    [
      ['users#1@1', 'pending', 'starting'],
      ['users#3@0', 'stopped', 'pending'],
    ],
  );
});

test('where the beginning of the run is not kept any more nothing is made up', () => {
  using folder = new TemporaryFolder();
  const { log, told } = openLog(folder.path);
  log.catchUp({ ...newSlot('users', 1), state: 'ready' });
  assert.deepEqual(told, []);
});
