/**
 * G6: hundreds of clients that are slow on purpose. Each is closed soon after its limit, what they cost is bounded,
 * and the others do not notice them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { httpLimits } from '../../src/services/gateway/server.ts';
import { isLong, times } from '../fuzz/chance.ts';
import { fixture, instanceOf, makeHome, pidOf } from '../journeys/command.ts';
import { OpenLoad, quantile } from '../journeys/open-load.ts';
import type { Answered } from '../journeys/open-load.ts';
import { MemoryWatch } from './connections.ts';
import { SlowClients } from './slow-clients.ts';
import type { SlowKind } from './slow-clients.ts';
import { WatchedApp } from './watched-app.ts';

const gateway = 'gateway:public#1';
const perSecond = 40;
/** From the limit to the end of each. */
const graceMs = 10_000;

interface Case extends SlowKind {
  readonly clients: number;
  readonly limitMs: number;
  /** What each is told before it is closed; none: it hears nothing. */
  readonly told?: RegExp;
  /** Resident memory of the gateway may grow so much. */
  readonly mib: number;
}

const head = (line: string, ...fields: string[]): string =>
  `${[line, 'Host: localhost', ...fields].join('\r\n')}\r\n\r\n`;

const heads: Case = {
  clients: times(200, 500),
  first: 'GET /say/x HTTP/1.1\r\nHost: localhost\r\n',
  drop: 'X-Slow: y\r\n',
  limitMs: httpLimits.headersMs,
  told: /^HTTP\/1\.1 408 /,
  mib: 64,
};
const bodies: Case = {
  clients: 500,
  first: head('POST /take HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 100000'),
  drop: ' ',
  limitMs: httpLimits.requestMs,
  told: /^HTTP\/1\.1 408 /,
  mib: 64,
};
/** More than the kernel takes for one who does not read. */
const unreadMib = 8;
const unread: Case = {
  clients: 100,
  first: head(`GET /give/${String(unreadMib)} HTTP/1.1`),
  limitMs: bounds.httpStallMs + (1_000 * unreadMib * 2 ** 20) / bounds.httpReadBytes,
  mib: 2 * (bounds.httpUnreadBytes / 2 ** 20) + 64,
};

const p99 = (answers: readonly Answered[]): number =>
  quantile(
    answers.map(({ tookMs }) => tookMs),
    0.99,
  );

async function slowDown(context: TestContext, kind: Case): Promise<void> {
  using home = makeHome();
  await using app = new WatchedApp(home.folder, fixture('edge/slow.ts'));
  const pid = pidOf(await app.ready(60_000), gateway);
  const url = await app.url();
  const rate = { [`${url}/say/x`]: perSecond };
  using load = new OpenLoad();
  await load.offer(rate, 1_000);
  const before = await load.offer(rate, 3_000);

  using memory = new MemoryWatch(pid);
  using slow = new SlowClients(Number(new URL(url).port), kind);
  const coming = (async () => {
    for (let n = 0; n < kind.clients; n += 1) await slow.add();
  })();
  const during: Answered[] = [];
  const mostMs = kind.limitMs + graceMs;
  do during.push(...(await load.offer(rate, 1_000)));
  while (slow.size < kind.clients || slow.newestOpenMs <= mostMs);
  await coming;
  memory.stop();

  const failed = during.filter(({ status }) => status !== 200);
  context.diagnostic(
    `${String(slow.size)} slow clients, ${String(slow.open)} not closed, the others after ${[0, 0.5, 1].map((part) => (quantile(slow.closed, part) / 1_000).toFixed(1)).join(', ')} s (least, median, most); RSS of the gateway ${memory.before.toFixed(0)} MiB before, at most ${memory.grown.toFixed(0)} more`,
  );
  context.diagnostic(
    `${String(during.length)} other requests, ${String(failed.length)} failed ${JSON.stringify(failed.map(({ status }) => status))}; p99 ${p99(before).toFixed(1)} ms before, ${p99(during).toFixed(1)} ms during`,
  );
  assert.ok(failed.length <= during.length / 1_000, JSON.stringify(failed.slice(0, 5)));
  assert.equal(slow.open, 0, 'one was not closed');
  assert.ok(Math.max(...slow.closed) <= mostMs, `${Math.max(...slow.closed).toFixed(0)} ms`);
  const { told } = kind;
  if (told !== undefined) for (const said of slow.said) assert.match(said, told);
  assert.ok(memory.grown <= kind.mib, `${memory.grown.toFixed(0)} MiB more`);
  // Generous: the machine may be busy with other things in one of the two.
  assert.ok(p99(during) < 10 * p99(before) + 500, `${p99(during).toFixed(0)} ms`);
  assert.equal(instanceOf(await app.status(), gateway).pid, pid, 'it is the same process');
  await app.end();
}

test('G6 hundreds of heads that come byte by byte are cut off at their limit, and the others do not notice', (context) =>
  slowDown(context, heads));

// Their limits are half a minute.
if (isLong) {
  test('G6 hundreds of bodies that come byte by byte are cut off at their limit, and the others do not notice', (context) =>
    slowDown(context, bodies));
  test('G6 answers that are not read are cut off at their limit, hold a bounded memory, and the others do not notice', (context) =>
    slowDown(context, unread));
}
