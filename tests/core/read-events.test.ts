/** What the file of events says of the run that wrote it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TuttiEvent } from '../../src/core/events.ts';
import { unfinishedRun } from '../../src/core/read-events.ts';
import { happened, ofApp } from './made-events.ts';

const started = ofApp({ name: 'app:started' });
const stopping = ofApp({ name: 'app:stopping' });
const stopped = ofApp({ name: 'app:stopped' });
const ends = happened({ time: 417_000, from: 'draining', to: 'stopped' });

const runs: [string, TuttiEvent[], string | undefined][] = [
  ['is nothing', [], undefined],
  ['was stopped', [started, stopping, ends, stopped], undefined],
  ['was never stopped', [started, stopping, stopped, started, ends], 'run'],
  ['is older than what is remembered of its start', [ends], 'run'],
  ['was being stopped', [started, stopping, ends], 'stop'],
];
for (const [what, events, unfinished] of runs) {
  test(`a run that ${what} is ${unfinished === undefined ? 'not unfinished' : `an unfinished ${unfinished}`}`, () => {
    assert.deepEqual(
      unfinishedRun(events),
      unfinished === undefined ? {} : { unfinished, lastEventAt: 417_000 },
    );
  });
}
