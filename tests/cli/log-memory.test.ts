/** What `tutti logs` says of lines that nobody remembers any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryText } from '../../src/cli/logs-command.ts';
import type { LogMemory } from '../../src/core/log-line.ts';

const now = new Date(2026, 4, 1, 14, 5, 0).getTime();
const since = new Date(2026, 4, 1, 14, 2, 7).getTime();
const say = (asked: number | undefined, why: LogMemory['why'], logFile?: string): string | undefined => {
  const about = { app: 'shop', appFile: '/shop/tutti.ts', keeperPid: 1, logMemory: { since, why } };
  return memoryText(asked, logFile === undefined ? about : { ...about, logFile }, now);
};

test('who asks for older lines than are remembered is told since when, why, and of the log file', () => {
  assert.equal(
    say(since - 1, 'a new supervisor', '/shop/logs/app.log'),
    'lines are remembered since 14:02:07 (a new supervisor); earlier ones are in /shop/logs/app.log',
  );
  assert.equal(say(since - 1, 'no more are kept'), 'lines are remembered since 14:02:07 (no more are kept)');
  assert.equal(say(since, 'a new supervisor'), undefined);
});

test('who names no time is told only of a new supervisor: that old lines go is known', () => {
  assert.match(say(undefined, 'a new supervisor') ?? '', /^lines are remembered since/);
  assert.equal(say(undefined, 'no more are kept'), undefined);
  assert.equal(say(undefined, 'the app was started'), undefined);
});
