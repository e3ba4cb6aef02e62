import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EventPage, TuttiEvent } from '../../src/core/events.ts';
import type { AppStatus, InstanceStatus } from '../../src/core/status.ts';
import { Command, fixture, makeHome } from './command.ts';
import { Load } from './load.ts';

const app = fixture('pool/tutti.ts');
const callLimit = 600;
/** What the supervisor, the kill and the way back may add, on a machine that has other things to do. */
const slackMs = 250;

interface Answered {
  readonly status: number;
  readonly code: string | undefined;
  readonly pid: number | undefined;
  readonly tookMs: number;
}

const maths = (status: AppStatus): readonly InstanceStatus[] =>
  status.services.find(({ name }) => name === 'maths')?.instances ?? [];

async function ask(url: string, headers: Record<string, string> = {}): Promise<Answered> {
  const began = performance.now();
  const response = await fetch(url, { headers });
  const body = (await response.json()) as { code?: string; pid?: number };
  return { status: response.status, code: body.code, pid: body.pid, tookMs: performance.now() - began };
}

const events = async (command: Command): Promise<readonly TuttiEvent[]> =>
  (await command.admin.get<EventPage>('/events?of=maths&after=0')).events;

/** Every connection is there and warm: what is measured afterwards is a call. */
async function warm(url: string, calls = 12): Promise<void> {
  for (let call = 0; call < calls; call += 1) assert.equal((await ask(`${url}/quick`)).status, 200);
}

describe('A pool', () => {
  test('an endless call is ended at its limit, and whoever comes next is served within 50 ms', async () => {
    using home = makeHome();
    await using command = new Command(home.folder, ['start', app], { SIZE: '1' });
    const before = maths(await command.ready());
    const url = await command.url();
    await warm(url);
    const endless = ask(`${url}/loop`);
    // In line behind it from the beginning: its turn comes when the other is ended.
    const waiting = ask(`${url}/quick`);
    const ended = await endless;
    const next = await ask(`${url}/quick`);
    assert.deepEqual([ended.status, ended.code], [504, 'CALL_LIMIT_EXCEEDED']);
    assert.ok(ended.tookMs >= callLimit && ended.tookMs < callLimit + slackMs, `${String(ended.tookMs)} ms`);
    const waited = await waiting;
    assert.equal(waited.status, 200);
    assert.ok(waited.tookMs - ended.tookMs < 50, `${String(waited.tookMs - ended.tookMs)} ms after it`);
    assert.equal(next.status, 200);
    assert.ok(next.tookMs < 50, `${String(next.tookMs)} ms`);
    // It was no crash: with maxRestarts 0 and a minUptime of a minute one would have been the last.
    const after = maths(await command.until('all are back', (status) => maths(status).every(isReady)));
    assert.deepEqual(
      after.map(({ restarts, crashLoop }) => [restarts, crashLoop]),
      after.map(() => [0, false]),
    );
    assert.equal(after.filter(({ pid }) => before.some((one) => one.pid === pid)).length, 1);
    console.log({ ended: ended.tookMs, waited: waited.tookMs - ended.tookMs, next: next.tookMs });
    const kill = (await events(command)).find((event) => event.evidence['verdict'] === 'call-limit');
    assert.match(kill?.reason ?? '', /^maths\.loop ran longer than callLimit \(600 ms\)$/);
  });
});

const isReady = ({ state }: InstanceStatus): boolean => state === 'ready';
