/** What draws on a whole terminal: what it writes, and that it leaves the terminal as it was. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { test } from 'node:test';
import { cutPainted, makePaint } from '../../src/core/paint.ts';
import type { AppStatus, InstanceStatus } from '../../src/core/status.ts';
import { LiveScreen } from '../../src/cli/live-screen.ts';
import { sortedRows, sortKeys, sortOfKey } from '../../src/cli/sort-rows.ts';
import { renderTop } from '../../src/cli/top-view.ts';
import { wrapText } from '../../src/cli/wrap.ts';
import { command, CommandWorld } from './command-world.ts';
import { left, onTerminal, skip } from './on-terminal.ts';

const instance = (slot: string, rssBytes: number | null, restarts = 0): InstanceStatus => ({
  ...{ slot, epoch: 1, state: 'ready', reason: 'ready', pid: 7, since: 0, startedAt: 0, restartAt: null },
  ...{ restarts, crashLoop: false, lastHeartbeat: 0, requests: 0, errors: 0, inFlight: 0 },
  ...{ requestsPerSecond: 0, p99Ms: null, loopDelayMs: null, cpuPercent: null, rssBytes },
});
const statusOf = (instances: readonly InstanceStatus[], notes: readonly string[] = []): AppStatus => ({
  ...{
    app: 'shop',
    avoided: [],
    acceptFailures: {},
    takenAt: 65_000,
    startedAt: 0,
    generation: 1,
    pids: { keeper: 1, supervisor: 2 },
  },
  ...{ shared: {}, notes },
  services: [
    {
      ...{ name: 'users', system: false, version: '1', optional: false, wanted: 3, ready: 3 },
      ...{ health: 'healthy', urls: [], instances },
    },
  ],
});
const three = [instance('users#1', 10), instance('users#2', null, 2), instance('users#3', 30)];

test('rows stand as the app file has them, or the largest first and the unmeasured last', () => {
  const order = (sort: (typeof sortKeys)[number]): string =>
    sortedRows(statusOf(three).services, sort)
      .map((row) => row.instance.slot.slice(-1))
      .join('');
  assert.deepEqual([order('name'), order('memory'), order('restarts')], ['123', '312', '213']);
  assert.equal(new Set(sortKeys.map((name) => name.charAt(0))).size > 0 && sortOfKey('m'), 'memory');
  assert.equal(sortOfKey('x'), undefined);
});

test('a table that is higher than the terminal counts what it leaves out, and keeps the keys', () => {
  const many = Array.from({ length: 40 }, (_none, index) => instance(`users#${String(index + 1)}`, 1));
  const facts = { events: [], sort: 'name', showsKeys: false, paint: makePaint(false) } as const;
  const look = { status: statusOf(many, ['a note']), silentMs: 0 };
  const lines = renderTop({ ...facts, look, size: { columns: 80, rows: 16 } });
  assert.equal(lines.length, 16);
  assert.match(lines.join('\n'), /… 31 more: sort/);
  assert.match(lines.at(-1) ?? '', /q ends/);
  const silent = renderTop({ ...facts, look: { ...look, silentMs: 4_000 }, size: { columns: 80, rows: 60 } });
  assert.match(silent[2] ?? '', /the supervisor is being replaced, or held up: this is what was 4\.0 s ago/);
  assert.match(silent.join('\n'), /! a note/);
});

test('the column that sorts is marked, and the keys are told one by one in the place of the rest', () => {
  const look = { status: statusOf(three, ['a note']), silentMs: 0 };
  const size = { columns: 100, rows: 16 };
  const facts = { look, size, events: [], paint: makePaint(false) };
  const sorted = renderTop({ ...facts, sort: 'memory', showsKeys: false });
  assert.match(sorted.join('\n'), / CPU +▼MEM +REQ\/S/);
  const keys = renderTop({ ...facts, sort: 'name', showsKeys: true });
  assert.ok(keys.length <= 16 && !keys.join('\n').includes('▼'));
  assert.match(keys.join('\n'), /users +#1[^]*\n {2}m {2}by memory, the largest first\n[^]*\n {2}q {2}ends/);
});

test('a line that does not fit ends in …, whatever its colours', () => {
  const paint = makePaint(true);
  assert.equal(cutPainted(`a ${paint('red', 'bcd')}`, 5), `a ${paint('red', 'bcd')}`);
  assert.equal(cutPainted(`a ${paint('red', 'bcd')} e`, 4), `a ${paint('red', 'b')}…`);
  assert.equal(cutPainted('abc', 2), 'a…');
});

test('a screen writes only the lines that changed, and restores the terminal once', () => {
  const output = Object.assign(new PassThrough(), { rows: 5, columns: 80 });
  const read = (): string => String(output.read() ?? '');
  const screen = new LiveScreen({
    output: output as unknown as WriteStream,
    input: undefined,
    ...{ onKey: () => undefined, onResize: () => undefined },
  });
  assert.match(read(), /\u001b\[\?1049h\u001b\[\?25l/);
  screen.draw(['one', 'two', 'three']);
  read();
  screen.draw(['one', 'TWO', 'three']);
  assert.equal(read(), '\u001b[2;1HTWO\u001b[0m\u001b[K');
  screen.draw(['one', 'TWO', 'three']);
  assert.equal(read(), '');
  screen.draw(['one', 'TWO', 'x'.repeat(81)]);
  assert.ok(read().includes(`${'x'.repeat(79)}…`));
  screen.draw(['one']);
  assert.equal(read(), '\u001b[2;1H\u001b[0m\u001b[K\u001b[3;1H\u001b[0m\u001b[K');
  output.emit('resize');
  screen.draw(['one']);
  assert.match(read(), /\u001b\[2J\u001b\[1;1Hone/);
  screen[Symbol.dispose]();
  screen[Symbol.dispose]();
  screen.draw(['late']);
  assert.equal(read(), '\u001b[?7h\u001b[?25h\u001b[?1049l');
  assert.equal(process.listenerCount('exit', screen[Symbol.dispose]), 0);
});

test('a sentence is broken between words and hangs under itself', () => {
  assert.equal(wrapText('aaaa bbbb cccc dddd eeee ffff', 30, 4), 'aaaa bbbb cccc dddd eeee\n    ffff');
  assert.equal(wrapText('as it is', Infinity, 4), 'as it is');
});

test('top refuses what is no terminal, with what to use instead', async () => {
  await using world = new CommandWorld();
  const { code, err } = await world.run(['top']);
  assert.equal(code, 2);
  assert.match(err, /^tutti: tutti top needs a terminal\n.*npx tutti status --watch/);
});

test(
  'top survives the supervisor, sorts by key, and leaves the terminal as it was: at q, at SIGTERM, at the end of the app',
  { skip },
  async () => {
    await using world = new CommandWorld();
    await world.ok('start', '-d');
    const top = `${process.execPath} ${command} top`;
    const first = onTerminal(world, `${top}; echo code $?`);
    await first.said(/greeter[^]*gateway public[^]*q ends/);
    const { pids } = await world.json<AppStatus>('status');
    process.kill(pids.supervisor, 'SIGKILL');
    await first.said(/the supervisor was killed by SIGKILL/);
    first.type('m');
    await first.said(/\u001b\[1mm memory/);
    first.type('?');
    await first.said(/by memory, the largest first/);
    first.type('q');
    await first.said(new RegExp(`${left}code 0`));

    const second = onTerminal(world, `${top} & echo pid $!.; wait $!; echo code $?`);
    const [, pid] = await second.said(/pid (\d+)\.[^]*q ends/);
    process.kill(Number(pid), 'SIGTERM');
    await second.said(new RegExp(`${left}code 0`));

    const third = onTerminal(world, `${top}; echo code $?`);
    await third.said(/q ends/);
    await world.ok('stop');
    await third.said(new RegExp(`${left}parlour has stopped\\.\\s+code 0`));
  },
);
