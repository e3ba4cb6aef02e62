/** What is told of a moment on a busy day, and of who is not there any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAt } from '../../src/cli/why-command.ts';
import type { InstanceEvent, TuttiEvent } from '../../src/core/events.ts';
import type { Explanation, TimeSpan } from '../../src/core/explain.ts';
import { explain } from '../../src/core/explain.ts';
import { typedMoment } from '../../src/core/moments.ts';
import { crash, everything, exit, happened, instance, ofApp, statusWith } from './made-events.ts';

const second = 1_000;
/** A failure each second, each with an end of its own unless it is given. */
const busy = (seconds: number, reasonOf = (n: number): string => `end ${String(n)}`): InstanceEvent[] =>
  Array.from({ length: seconds }, (_, n) =>
    happened({
      ...{ time: n * second, failures: 1, reason: reasonOf(n) },
      evidence: { ...exit(3, null, 200), stderr: [`boom ${String(n)}`] },
    }),
  );
const around = (moment: TimeSpan | undefined, most: number, events: readonly TuttiEvent[]): Explanation =>
  explain({ about: { service: 'users' }, span: everything, moment, most }, statusWith(), events);
const at = (from: number, seconds = 1): TimeSpan => ({
  from: from * second,
  to: (from + seconds) * second - 1,
});

const cuts: [string, TimeSpan | undefined, number[], { before: number; after: number }, string][] = [
  ['a second in the middle', at(45), [43, 44, 45, 46, 47], { before: 43, after: 52 }, 'boom 45'],
  ['a second at the beginning', at(0), [0, 1, 2, 3, 4], { before: 0, after: 95 }, 'boom 0'],
  ['a time after everything', at(200), [95, 96, 97, 98, 99], { before: 95, after: 0 }, 'boom 99'],
  ['a busy minute', at(10, 60), [65, 66, 67, 68, 69], { before: 65, after: 30 }, 'boom 69'],
  ['no moment', undefined, [95, 96, 97, 98, 99], { before: 95, after: 0 }, 'boom 99'],
];
for (const [what, moment, seconds, leftOut, words] of cuts) {
  test(`of more than fits the lines nearest to ${what} are told, and what was left out on each side`, () => {
    const found = around(moment, 5, busy(100));
    assert.deepEqual(
      found.story.map(({ time }) => time / second),
      seconds,
    );
    assert.deepEqual(found.leftOut, leftOut);
    assert.deepEqual(found.lastWords?.lines, [words]);
  });
}

test('the failure that was asked about is told by itself among many that are alike, and the next command goes back to it', () => {
  const { story, next } = around(
    at(45),
    20,
    busy(100, () => 'alike'),
  );
  const [first, , asked, , last] = story.map(({ time }) => time / second);
  assert.deepEqual([story.length, first, asked, last], [5, 0, 45, 99]);
  assert.equal(next[0]?.command, `tutti logs users#1 --since ${typedMoment(40 * second, 720_000)}`);
});

test('14:02 is that minute, 14:02:07 that second, of today or of the day that is named', () => {
  const noon = new Date(2026, 4, 1, 12).getTime();
  const lengths = ['11:02', '11:02:07', '2026-05-01T11:02', '2026-05-01T11:02:07', '10m'].map((text) => {
    const { from, to } = parseAt(text, noon);
    return [new Date(from).toTimeString().slice(0, 8), to - from + 1];
  });
  assert.deepEqual(lengths, [
    ['11:02:00', 60_000],
    ['11:02:07', 1_000],
    ['11:02:00', 60_000],
    ['11:02:07', 1_000],
    ['11:50:00', 1_000],
  ]);
  assert.equal(typedMoment(noon, noon + 86_400_000), '2026-05-01T12:00:00');
});

test('of an app that does not run, and of a service that it has no more, no log is offered: nobody would answer', () => {
  const question = { about: { service: 'users' }, span: everything, most: 20 };
  const commands = (found: Explanation): string[] => found.next.map(({ command }) => command);
  const down = explain(question, undefined, [crash(1)]);
  assert.deepEqual([down.now, down.story.length, commands(down)], [[], 1, ['tutti start']]);
  const nobody = explain(question, { ...statusWith(), services: [] }, [crash(1)]);
  assert.deepEqual([nobody.story.length, commands(nobody)], [1, []]);
});

test('the supervisor is told of like a service', () => {
  const events = [crash(1), ofApp({ name: 'supervisor:replaced' })];
  const question = { about: { service: 'supervisor' }, span: everything, most: 20 };
  const { now, story, next } = explain(question, statusWith(instance('users#1', {})), events);
  assert.deepEqual(
    now.map(({ text }) => text),
    ['runs, the 2nd since the app was started (pid 6)'],
  );
  assert.deepEqual(
    story.map(({ who, tone }) => [who, tone]),
    [['', 'warn']],
  );
  assert.equal(next[0]?.command, 'tutti logs supervisor --since 10m');
});
