/** What happened, in words: a case per kind of event, and the stories made of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventWords, isFailure } from '../../src/core/event-words.ts';
import type { AppEvent, InstanceEvent, TuttiEvent } from '../../src/core/events.ts';
import { explain } from '../../src/core/explain.ts';
import type { InstanceStatus } from '../../src/core/status.ts';
import { momentText } from '../../src/core/moments.ts';
import { ordinal, spokenTime } from '../../src/core/spoken.ts';
import { crash, everything, exit, happened, instance, ofApp, statusWith } from './made-events.ts';

const cases: [string, Partial<InstanceEvent>, string][] = [
  [
    'SIGKILL that nobody here sent',
    {
      evidence: { ...exit(null, 'SIGKILL', 720_000), pid: 417 },
      ...{ reason: 'killed by SIGKILL', failures: 1 },
    },
    'was killed by SIGKILL after it was ready for 12 min, as pid 417 (nobody here sent that: it was killed from outside, or by the kernel for want of memory); starts again at once',
  ],
  [
    'the fourth quick failure',
    {
      ...{ to: 'backoff', reason: 'exited with code 3', failures: 4 },
      evidence: { ...exit(3, null, 900), againInMs: 2_000 },
    },
    'exited with code 3 after it was ready for 900 ms; starts again in 2.0 s: 4th quick failure in a row',
  ],
  [
    'a crash loop, with the error it wrote',
    {
      ...{ from: 'starting', to: 'backoff', reason: 'exited with code 1', failures: 5, crashLoop: true },
      evidence: {
        ...exit(1, null, null),
        againInMs: 4_100,
        stderr: ['file.ts:3', 'TypeError: x is not a function'],
      },
    },
    'exited with code 1 before it was ready (TypeError: x is not a function); starts again in 4.1 s: 5th quick failure in a row, a crash loop',
  ],
  [
    'an open() that threw',
    {
      ...{ from: 'starting', to: 'failed', failures: 2 },
      ...{
        reason: 'cannot open (exited with code 1); gave up after 1 restarts',
        evidence: exit(1, null, null),
      },
    },
    'exited with code 1 before it was ready: cannot open; it is not started again: 2nd quick failure in a row, as many as allowed',
  ],
  [
    'a configuration that it refused',
    {
      ...{ from: 'starting', to: 'failed', failures: 1, evidence: exit(78, null, null) },
      reason: 'exited with code 78; it refused its configuration',
    },
    'exited with code 78 before it was ready (it refused its configuration); it is not started again',
  ],
  [
    'an end without a fault',
    { to: 'pending', reason: 'exited with code 0', failures: 1, evidence: exit(0, null, 60_000) },
    'exited with code 0 after it was ready for 60 s (it ended by itself, though a service is meant to run on); starts again at once',
  ],
  [
    'one that hung and was killed',
    {
      ...{ from: 'stopping', reason: 'hung: no heartbeat and no progress, for 10.2 s', failures: 1 },
      evidence: exit(null, 'SIGKILL', 5_000),
    },
    'was killed by the supervisor after it was ready for 5.0 s: hung: no heartbeat and no progress, for 10.2 s; starts again at once',
  ],
  [
    'a spawn that the machine refused',
    {
      ...{ from: 'starting', to: 'backoff', failures: 2, evidence: { errno: 'EAGAIN', againInMs: 250 } },
      reason: 'could not be spawned: EAGAIN',
    },
    'could not be spawned: EAGAIN (too many processes or threads for this user or container); starts again in 250 ms: 2nd quick failure in a row',
  ],
  [
    'a stop by hand',
    { from: 'draining', to: 'stopped', reason: 'stopped by hand', evidence: exit(0, null, 9_000) },
    'has stopped: stopped by hand',
  ],
  [
    'a stop that had to be enforced',
    { from: 'stopping', to: 'stopped', reason: 'scaled to 1', evidence: exit(null, 'SIGKILL', 9_000) },
    'has stopped: scaled to 1; it did not end by itself and was killed',
  ],
  [
    'a restart by hand',
    { from: 'draining', reason: 'restarted by hand', evidence: exit(0, null, 9_000) },
    'has ended as asked (restarted by hand); a new process follows',
  ],
  [
    'a newcomer of a gateway that took over',
    {
      from: 'draining',
      to: 'stopped',
      reason: 'replaced by gateway:public#2: memory 612 MiB > memoryMax 512 MiB',
    },
    'is not started any more: replaced by gateway public#2: memory 612 MiB > memoryMax 512 MiB',
  ],
  [
    'a pause',
    { to: 'unready', reason: 'it is paused (state T), for 3.1 s' },
    'gets no new calls: it is paused (state T), for 3.1 s: somebody sent it SIGSTOP, or a debugger holds it',
  ],
  [
    'a loop that is busy',
    { to: 'unready', reason: 'its event loop is busy: no heartbeat, but CPU time advances, for 3.4 s' },
    'gets no new calls: its event loop is busy: no heartbeat, but CPU time advances, for 3.4 s: it computes, or runs in a circle',
  ],
  ['being fit again', { from: 'unready', to: 'ready', reason: 'ready again' }, 'is fit for calls again'],
  ['being ready', { from: 'starting', to: 'ready' }, 'is ready (process 3 in this place)'],
  ['being ready for the first time', { from: 'starting', to: 'ready', instance: 'users#1@1' }, 'is ready'],
  ['waiting', { from: 'stopped', reason: 'waits for db' }, 'waits for db'],
];
for (const [what, event, text] of cases) {
  test(`${what} is told in one sentence`, () => {
    assert.equal(eventWords(happened(event)).text, text);
  });
}

const appCases: [string, Partial<AppEvent> & Pick<AppEvent, 'name'>, string][] = [
  ['a start', { name: 'app:started' }, 'the app was started: why'],
  [
    'a start after a run that nobody stopped',
    { name: 'app:started', time: 90_000, evidence: { unfinished: 'run', lastEventAt: 60_000 } },
    `the app was started: why; the run before it ended without being stopped, its last event was at ${momentText(60_000, 90_000)}`,
  ],
  [
    'a start after a stop that was cut off',
    { name: 'app:started', time: 90_000, evidence: { unfinished: 'stop', lastEventAt: 60_000 } },
    `the app was started: why; the run before it ended before its stop was finished, its last event was at ${momentText(60_000, 90_000)}`,
  ],
  ['a stop', { name: 'app:stopped' }, 'the app has stopped: why'],
  ['a start that failed', { name: 'app:stopped', evidence: { hasFailed: true } }, 'the app has ended: why'],
  [
    'the death of a supervisor',
    { name: 'supervisor:replaced', evidence: { code: null, signal: 'SIGKILL', pid: 417 } },
    'the supervisor was killed by SIGKILL, as pid 417 (nobody here sent that: it was killed from outside, or by the kernel for want of memory); it was replaced, and instances ran on',
  ],
  [
    'the exit of a supervisor',
    { name: 'supervisor:replaced', evidence: { code: 1, signal: null, pid: 417 } },
    'the supervisor exited with code 1, as pid 417 (usually an error that nobody caught); it was replaced, and instances ran on',
  ],
  [
    'a supervisor that its keeper killed',
    { name: 'supervisor:replaced', evidence: { code: null, signal: 'SIGKILL', killedFor: 'it is silent' } },
    'the supervisor was killed by the keeper: it is silent; it was replaced, and instances ran on',
  ],
];
for (const [what, event, text] of appCases) {
  test(`${what} is told in one sentence`, () => {
    assert.equal(eventWords(ofApp(event)).text, text);
  });
}

test('what the app did is told, also by a name that a later version made up', () => {
  const words = (event: Parameters<typeof ofApp>[0]): string => eventWords(ofApp(event)).text;
  assert.equal(
    words({ name: 'supervisor:replaced' }),
    'the supervisor was replaced (why), and instances ran on',
  );
  assert.equal(
    words({ name: 'roll:started', service: 'users', evidence: { instances: ['users#1', 'users#2'] } }),
    'a roll begins, 2 instances one at a time: why',
  );
  assert.equal(words({ name: 'moon:risen' as AppEvent['name'] }), 'moon:risen: why');
  assert.equal(eventWords(happened({ to: 'asleep' as InstanceEvent['to'], reason: 'tired' })).text, 'tired');
});

test('an end that was asked for is no failure, one that was not is', () => {
  const asked = { from: 'draining', evidence: exit(0, null, 1) } as const;
  assert.ok(!isFailure(happened({ ...asked, to: 'stopped' })));
  assert.ok(!isFailure(happened({ ...asked, to: 'pending', failures: 0 })));
  assert.ok(isFailure(happened({ evidence: exit(0, null, 1), failures: 1 })));
  assert.ok(!isFailure(happened({ from: 'backoff', failures: 3 })));
});

test('of ten crashes that are alike the first and the last are told, with the last words of the last', () => {
  const starts = (): TuttiEvent => happened({ from: 'pending', to: 'starting' });
  const events = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((n) => [starts(), crash(n)]);
  const failed = instance('users#1', { state: 'backoff', reason: 'exited with code 1', restartAt: 721_500 });
  const found = explain(
    { about: { service: 'users' }, span: everything, most: 20 },
    statusWith(failed),
    events,
  );
  assert.equal(found.story.length, 2);
  assert.match(found.story[1]?.text ?? '', /10th quick failure in a row \(and 8 times in between\)$/);
  assert.deepEqual(found.lastWords?.lines, ['boom 10']);
  assert.equal(found.now[0]?.text, 'has ended and starts again in 1.5 s: exited with code 1');
  assert.match(found.next[0]?.command ?? '', /^tutti logs users#1 --since \d\d:\d\d:\d\d$/);
});

test('a story is of the one that was asked for, of its service, of the whole app, and of the time that was asked for', () => {
  const ends = { evidence: exit(null, 'SIGKILL', 1), failures: 1 };
  const mine = happened({ ...ends });
  const neighbour = happened({ ...ends, instance: 'users#2@1' });
  const stranger = happened({ ...ends, instance: 'mail#1@1', service: 'mail' });
  const events = [
    ...[mine, neighbour, stranger],
    ...[
      ofApp({ name: 'service:scaled', service: 'users' }),
      ofApp({ name: 'service:scaled', service: 'mail' }),
    ],
    ofApp({ name: 'supervisor:replaced' }),
  ];
  const about = { service: 'users', slot: 'users#1' };
  const status = statusWith(instance('users#1', {}), instance('users#2', {}));
  const who = (found: ReturnType<typeof explain>): string[] => found.story.map((line) => line.who);
  const one = explain({ about, span: everything, most: 20 }, status, events);
  assert.deepEqual(who(one), ['users#1', 'users', '']);
  assert.deepEqual(one.next.at(-1), { command: 'tutti doctor', words: 'limits and memory of this machine' });
  const span = { from: neighbour.time, to: neighbour.time };
  assert.deepEqual(who(explain({ about: undefined, span, most: 20 }, status, events)), ['users#2']);
  const newest = explain({ about: undefined, span: everything, most: 2 }, status, events);
  assert.deepEqual([newest.story.length, newest.leftOut], [2, { before: 4, after: 0 }]);
});

const nexts: [string, Partial<InstanceStatus>, TuttiEvent[], string][] = [
  ['was given up', { state: 'failed' }, [crash(3)], 'tutti start users'],
  ['was stopped', { state: 'stopped', pid: null }, [], 'tutti start users'],
  ['is paused', { state: 'unready', reason: 'it is paused (state T), for 3.1 s' }, [], 'kill -CONT 7'],
  ['is well', {}, [], 'tutti logs users --since 10m'],
  [
    'kept its old release',
    {},
    [ofApp({ name: 'roll:undone', service: 'users' })],
    'tutti restart users --rolling',
  ],
];
for (const [what, is, events, command] of nexts) {
  test(`of a service that ${what} the next command is ${command}`, () => {
    const question = { about: { service: 'users' }, span: everything, most: 20 };
    const { next } = explain(question, statusWith(instance('users#1', is)), events);
    assert.equal(next.at(-1)?.command, command);
  });
}

test('a stop by hand is newer than a failure, so the start comes first', () => {
  const question = { about: { service: 'users' }, span: everything, most: 20 };
  const { next } = explain(question, statusWith(instance('users#1', { state: 'stopped' })), [crash(1)]);
  assert.deepEqual(
    next.map(({ command }) => command.split(' --')[0]),
    ['tutti start users', 'tutti logs users#1'],
  );
});

test('times and counts are spoken as people speak', () => {
  const times = [8, 2_500, 48_000, 720_000, 11_100_000, 345_600_000];
  assert.deepEqual(times.map(spokenTime), ['8 ms', '2.5 s', '48 s', '12 min', '3 h 05 min', '4 days']);
  assert.deepEqual(
    [1, 2, 3, 4, 11, 12, 21, 113].map(ordinal).join(' '),
    '1st 2nd 3rd 4th 11th 12th 21st 113th',
  );
});
