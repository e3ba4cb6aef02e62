/** Which transitions are told, and how loudly: a terminal shows what is a warning or worse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceEvent } from '../../../src/core/events.ts';
import { Announcer } from '../../../src/processes/supervisor/announcer.ts';
import { LogHub } from '../../../src/processes/supervisor/log-hub.ts';
import type { RunningApp } from '../../../src/processes/supervisor/running-app.ts';
import { Terminal } from '../../../src/processes/supervisor/terminal.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';

type Told = Partial<InstanceEvent> & Pick<InstanceEvent, 'from' | 'to'>;

/** What a successor, who tells nothing of a start, says of these. */
function told(events: readonly Told[]): string[] {
  const clock = fakeClock();
  const hub = new LogHub({ clock, level: 'debug', generation: 2 });
  const terminal = new Terminal({ output: { write: () => true }, hub, clock, colors: false });
  const announcer = new Announcer({ terminal, hub, log: hub.logger(), clock, version: '1', startedAt: 0 });
  announcer.begin({} as unknown as RunningApp, true);
  const said: string[] = [];
  hub.follow(({ level, message }) => said.push(`${level} ${message}`));
  for (const event of events)
    announcer.onEvent({
      ...{ type: 'instance', seq: 1, time: 0, instance: 'users#1@2', service: 'users' },
      ...{ reason: '', evidence: {}, failures: 0, crashLoop: false },
      ...event,
    });
  return said;
}

const hang: readonly Told[] = [
  { from: 'ready', to: 'unready', evidence: { verdict: 'paused' } },
  { from: 'unready', to: 'stopping', evidence: { verdict: 'hung' } },
  { from: 'stopping', to: 'pending', failures: 1 },
  { from: 'pending', to: 'starting', failures: 1 },
  { from: 'starting', to: 'ready', failures: 1 },
];

test('a hang is told as loudly to its end as at its beginning: the last word is that it is over', () => {
  assert.deepEqual(told(hang), [
    'warn Instance is not fit for calls',
    'warn Instance hangs and is killed',
    'warn Instance ended and starts again',
    'warn Instance is ready again',
  ]);
});

const cases: readonly [string, readonly Told[], string[]][] = [
  [
    'a crash',
    [
      { from: 'ready', to: 'pending', failures: 1 },
      { from: 'starting', to: 'ready', failures: 1 },
    ],
    ['warn Instance ended and starts again', 'warn Instance is ready again'],
  ],
  [
    'a start that came to nothing, and one that did after it',
    [
      { from: 'starting', to: 'stopping' },
      { from: 'stopping', to: 'pending', failures: 1 },
      { from: 'starting', to: 'backoff', failures: 2 },
      { from: 'backoff', to: 'pending', failures: 2 },
      { from: 'starting', to: 'ready', failures: 2 },
      { from: 'ready', to: 'draining' },
      { from: 'stopping', to: 'pending' },
      { from: 'starting', to: 'ready' },
    ],
    [
      'info Instance is made to end',
      'warn Instance ended and starts again',
      'warn Instance ended and will be started again',
      'warn Instance is ready again',
      'info Instance finishes what it has in hand',
      'info Instance is ready',
    ],
  ],
  [
    'an end of trouble of which a predecessor told',
    [{ from: 'unready', to: 'ready' }],
    ['warn Instance is ready again'],
  ],
  [
    'a stop of one in trouble, and its start by hand',
    [
      { from: 'ready', to: 'unready' },
      { from: 'unready', to: 'draining' },
      { from: 'stopping', to: 'stopped' },
      { from: 'starting', to: 'ready' },
    ],
    [
      'warn Instance is not fit for calls',
      'info Instance finishes what it has in hand',
      'info Instance has stopped',
      'info Instance is ready',
    ],
  ],
];
for (const [name, events, expected] of cases)
  test(`${name} is told no louder than it must be`, () => {
    assert.deepEqual(told(events), expected);
  });
