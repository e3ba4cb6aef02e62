/** What cron expressions mean in a time zone, above all where an hour is missing and where one comes twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoSuchDay } from '../../../src/stores/job-queue/no-such-day.ts';
import { firstTick, rhythmOf } from '../../../src/stores/job-queue/schedule-rhythm.ts';
import type { RhythmSpec } from '../../../src/stores/job-queue/schedule-rhythm.ts';

const cronOf = (cron: string, time_zone = 'Europe/Oslo'): RhythmSpec => ({ cron, every_ms: null, time_zone });

function ticksFrom(spec: RhythmSpec, from: string, count: number): string[] {
  const next = rhythmOf(spec, 0);
  const ticks: string[] = [];
  for (let at = next(Date.parse(from)); at !== undefined && ticks.length < count; at = next(at))
    ticks.push(new Date(at).toISOString().replace(':00.000Z', 'Z'));
  return ticks;
}

// In Oslo 02:00 is followed by 03:00 on 29 March 2026 (01:00Z), and 03:00 by 02:00 on 25 October (01:00Z).
const cases: [string, string, string, string[]][] = [
  [
    'spring: a time that is missing is the moment at which it is missing',
    '30 2 * * *',
    '2026-03-27T12:00Z',
    ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
  ],
  [
    'autumn: a time that comes twice is the first of both',
    '30 2 * * *',
    '2026-10-23T12:00Z',
    ['2026-10-24T00:30Z', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
  ],
  [
    'spring: every half hour goes on every half hour',
    '*/30 * * * *',
    '2026-03-29T00:15Z',
    ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z', '2026-03-29T02:00Z'],
  ],
  [
    'autumn: every half hour goes on every half hour',
    '*/30 * * * *',
    '2026-10-24T23:45Z',
    ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z', '2026-10-25T02:00Z'],
  ],
  [
    'spring: of several times of an hour that is missing there is one tick',
    '0,30 2 * * *',
    '2026-03-28T12:00Z',
    ['2026-03-29T01:00Z', '2026-03-30T00:00Z', '2026-03-30T00:30Z'],
  ],
  [
    'spring: of a list of hours none is left out',
    '30 2,14 * * *',
    '2026-03-28T12:00Z',
    ['2026-03-28T13:30Z', '2026-03-29T01:00Z', '2026-03-29T12:30Z', '2026-03-30T00:30Z'],
  ],
  [
    'autumn: several times of an hour that comes twice come once',
    '0,30 2 * * *',
    '2026-10-24T12:00Z',
    ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-26T01:00Z'],
  ],
  [
    'autumn: every hour is also the one that comes twice',
    '0 * * * *',
    '2026-10-24T23:30Z',
    ['2026-10-25T00:00Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z'],
  ],
  ['the last day of the month', '0 0 L * *', '2026-01-31T12:00Z', ['2026-02-27T23:00Z', '2026-03-30T22:00Z']],
  ['by its name', '@weekly', '2026-01-01T00:00Z', ['2026-01-03T23:00Z', '2026-01-10T23:00Z']],
];
for (const [what, cron, from, ticks] of cases)
  test(`cron ${cron}: ${what}`, () => {
    assert.deepEqual(ticksFrom(cronOf(cron), from, ticks.length), ticks);
  });

test('with six fields the first is of seconds; the first tick after a time is after it, by a millisecond if need be', () => {
  const next = rhythmOf(cronOf('*/20 * * * * *', 'UTC'), 0);
  const minute = Date.parse('2026-01-01T00:01Z');
  assert.deepEqual(
    [-1, 0, 1, 19_999, 20_000, 59_999].map((ms) => (next(minute + ms) ?? 0) - minute),
    [0, 20_000, 20_000, 20_000, 40_000, 60_000],
  );
});

const now = Date.parse('2026-01-01T00:00Z');
const refused: [RhythmSpec, RegExp][] = [
  [cronOf('0 3 * *'), /^"0 3 \* \*" is no cron expression: invalid configuration format/],
  [cronOf('0 25 * * *'), /^"0 25 \* \* \*" is no cron expression: Invalid value for hour: 25/],
  [cronOf('0 0 0 1 1 * 2030'), /is no cron expression: mode '5-or-6-parts'/],
  [cronOf('2026-11-28T00:00:00'), /^"2026-11-28T00:00:00" is no cron expression$/],
  [cronOf('0 0 30 2 *'), /^The cron expression "0 0 30 2 \*" never comes true$/],
  [cronOf('0 3 * * *', 'Mars/Base'), /^There is no time zone "Mars\/Base": "Europe\/Oslo" is one$/],
];
for (const [spec, message] of refused)
  test(`no rhythm: ${String(spec.cron)} in ${String(spec.time_zone)}`, () => {
    assert.throws(() => firstTick(spec, now), { code: 'INVALID_INPUT', message });
  });

test('one without a cron expression ticks for the first time after its time has passed once', () => {
  assert.equal(firstTick({ cron: null, every_ms: 5_000, time_zone: null }, now), now + 5_000);
});

test('a day that comes every 28 years, and once after 40, is waited for', () => {
  const sundays = ticksFrom(cronOf('0 0 29 2 +7', 'UTC'), '2060-01-01T00:00Z', 3);
  assert.deepEqual(sundays, ['2060-02-29T00:00Z', '2088-02-29T00:00Z', '2128-02-29T00:00Z']);
});

test('a day that none of the months has is seen without a search, and one that any of them has is none of those', () => {
  for (const cron of ['0 0 30 2 *', '0 0 30-31 feb ?', '0 0 0 31 2,4-4,jun,9,11 *', '0 0 31 4 +1'])
    assert.equal(isNoSuchDay(cron), true, cron);
  for (const cron of [
    '0 0 29 2 *',
    '0 0 30 2 1',
    '0 0 30 2,3 *',
    '0 0 L 2 *',
    '0 0 30 * *',
    '@daily',
    '',
    '0 0 1-31 2 *',
    '0 0 30 xyz *',
  ])
    assert.equal(isNoSuchDay(cron), false, cron);
});

test('N-59 hostile expressions are refused, each in a few milliseconds', (context) => {
  const all = (field: string): string => Array.from({ length: 127 }, () => field).join(',');
  const hostile = [
    ...[
      '',
      ' ',
      '*',
      '* * * *',
      '*/0 * * * *',
      '0-59/0 * * * *',
      '*/-1 * * * *',
      '1-0 * * * *',
      '60 * * * *',
    ],
    ...[
      '0 0 30 2 *',
      '0 0 31 2,4,6,9,11 *',
      '0 0 0 30 2 *',
      '0 0 0 * *',
      '0 0 0 0 *',
      '0 0 * * 9',
      '0 0 99L * *',
    ],
    ...[
      '__proto__',
      '@__proto__',
      '@constructor',
      'NaN * * * *',
      '1e1 * * * *',
      '\u0661 * * * *',
      '* * * * *\0',
      '1,,2 * * * *',
    ],
    Array.from({ length: 60 }, () => '*').join(' '),
    `${all('-')} * * * *`,
    '9'.repeat(255),
    '*/'.repeat(127),
    'x'.repeat(1_000_000),
    '* '.repeat(500_000),
    `${'0,'.repeat(500_000)}0 * * * *x`,
  ];
  // What is loaded at the first use is no cost of an expression.
  firstTick(cronOf('0 3 * * *', 'UTC'), now);
  let worst = { ms: 0, cron: '' };
  for (const cron of hostile) {
    const from = performance.now();
    assert.throws(() => firstTick(cronOf(cron, 'UTC'), now), { code: 'INVALID_INPUT' }, cron.slice(0, 50));
    const ms = performance.now() - from;
    if (cron.length <= 255 && ms > worst.ms) worst = { ms, cron };
  }
  context.diagnostic(`at worst ${worst.ms.toFixed(1)} ms: ${worst.cron.slice(0, 50)}`);
  assert.ok(worst.ms < 50, `${String(worst.ms)} ms for ${worst.cron}`);
});
