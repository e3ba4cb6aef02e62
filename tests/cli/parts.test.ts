/** The pure parts of the commands: what is judged, measured and lined up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makePaint } from '../../src/core/paint.ts';
import type { InstanceState } from '../../src/core/instance-state.ts';
import type { InstanceStatus, ServiceHealth, ServiceStatus } from '../../src/core/status.ts';
import { judgeRestart, judgeScale, judgeStart, judgeStop } from '../../src/cli/judges.ts';
import { momentText } from '../../src/core/moments.ts';
import { parseDuration, parseMoment, parseSince } from '../../src/cli/parse-option.ts';
import { bytesText, durationText } from '../../src/cli/quantities.ts';
import { appHealth } from '../../src/core/status.ts';
import { fitTable, renderTable } from '../../src/cli/table.ts';

function instance(state: InstanceState, epoch: number, pid: number | null = epoch * 10): InstanceStatus {
  const numbers = { requests: 0, errors: 0, inFlight: 0, requestsPerSecond: 0, restarts: 0, since: 0 };
  const unknown = { startedAt: null, restartAt: null, lastHeartbeat: null, p99Ms: null };
  const unmeasured = { loopDelayMs: null, cpuPercent: null, rssBytes: null };
  const is = { slot: 'users#1', state, epoch, pid, reason: 'why', crashLoop: false };
  return { ...numbers, ...unknown, ...unmeasured, ...is };
}

test('a restart is done when a later process is ready, and not before', () => {
  const was = instance('ready', 1);
  assert.equal(judgeRestart(was, was).is, 'waiting');
  assert.equal(judgeRestart(was, instance('starting', 2)).is, 'waiting');
  assert.equal(judgeRestart(was, instance('backoff', 2, null)).is, 'waiting');
  assert.deepEqual(judgeRestart(was, instance('ready', 2)), {
    is: 'done',
    words: 'was restarted: pid 10 -> 20',
  });
  assert.equal(judgeRestart(instance('failed', 1, null), instance('ready', 2)).words, 'was started: pid 20');
  for (const now of [instance('failed', 2, null), instance('stopped', 1, null), undefined])
    assert.equal(judgeRestart(was, now).is, 'failed');
});

test('a stop is done when the slot is stopped or gone, a start when it is ready', () => {
  const was = instance('ready', 1);
  assert.equal(judgeStop(was, instance('stopping', 1)).is, 'waiting');
  assert.equal(judgeStop(was, undefined).words, 'has stopped: pid 10 is gone');
  assert.equal(judgeStop(undefined, instance('stopped', 0, null)).words, 'has no process');
  assert.equal(judgeStart(instance('stopped', 1, null), instance('starting', 2)).is, 'waiting');
  assert.equal(judgeStart(was, was).words, 'is ready already: pid 10');
});

test('scaling waits for both ends, and has nothing to say of who stays', () => {
  const all = judgeScale(() => true);
  assert.deepEqual(all(instance('ready', 1), instance('ready', 1)), { is: 'done', words: '' });
  assert.equal(all(undefined, instance('starting', 1)).is, 'waiting');
  assert.equal(judgeScale(() => false)(instance('ready', 1), instance('draining', 1)).is, 'waiting');
});

const service = (health: ServiceHealth, optional = false, wanted = 1): ServiceStatus => ({
  ...{ name: 'users', system: false, version: '1', ready: 0, urls: [], instances: [] },
  ...{ health, optional, wanted },
});
const wholes: [ServiceHealth, ServiceStatus[]][] = [
  ['healthy', [service('healthy'), service('healthy')]],
  ['degraded', [service('healthy'), service('degraded')]],
  ['degraded', [service('healthy'), service('dead', true)]],
  ['unhealthy', [service('healthy'), service('dead')]],
  ['dead', [service('dead'), service('dead')]],
  ['healthy', [service('healthy'), service('dead', false, 0)]],
];
for (const [word, services] of wholes) {
  test(`an app of ${services.map(({ health, optional, wanted }) => `${health}${optional ? ' optional' : ''} (${String(wanted)} wanted)`).join(' and ')} services is ${word}`, () => {
    assert.equal(appHealth({ services }), word);
  });
}

test('a table is lined up whatever its colours, and drops whole columns from the right', () => {
  const table = {
    columns: [{ title: 'A' }, { title: 'N', isNumber: true }, { title: 'LAST' }],
    rows: [
      [{ text: 'long one', style: 'red' as const }, '7', 'x'],
      ['b', '100', 'y\u001b[31m'],
    ],
  };
  const lines = ['A           N  LAST', 'long one    7  x', 'b         100  y\\u001b[31m'];
  assert.deepEqual(renderTable(table, makePaint(false)), lines);
  const painted = renderTable(table, makePaint(true)).map((line) => line.replaceAll(/\u001b\[\d+m/g, ''));
  assert.deepEqual(painted, lines);
  assert.deepEqual(renderTable(fitTable(table, 13), makePaint(false)), [
    'A           N',
    'long one    7',
    'b         100',
  ]);
  assert.equal(fitTable(table, 1).columns.length, 1);
});

test('times are read and shown as people write them', () => {
  const read: [string, number][] = [
    ['30', 30_000],
    ['1.5s', 1_500],
    ['200ms', 200],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ];
  for (const [text, ms] of read) assert.equal(parseDuration(text), ms, text);
  for (const text of ['', '-1', '10 m', '1w', 'soon'])
    assert.throws(() => parseDuration(text), { code: 'INVALID_INPUT' });
  assert.equal(parseSince('10s', 50_000), 40_000);
  assert.equal(parseSince('2026-05-01T12:00:00Z', 0), Date.UTC(2026, 4, 1, 12));
  const noon = new Date(2026, 4, 1, 12, 0, 0);
  assert.equal(parseMoment('11:59', noon.getTime()), new Date(2026, 4, 1, 11, 59).getTime());
  assert.equal(parseMoment('12:00:01', noon.getTime()), new Date(2026, 3, 30, 12, 0, 1).getTime());
  assert.equal(momentText(noon.getTime(), noon.getTime() + 5_000), '12:00:00');
  assert.equal(momentText(noon.getTime(), noon.getTime() + 86_400_000), '2026-05-01 12:00:00');
  const shown = [4_900, 65_000, 7_260_000, 90_000_000].map(durationText);
  assert.deepEqual(shown, ['4s', '1m 05s', '2h 01m', '1d 01h']);
  assert.deepEqual([0, 999, 61_000_000, 1_300_000_000].map(bytesText), ['0 B', '999 B', '58 MB', '1.2 GB']);
});
