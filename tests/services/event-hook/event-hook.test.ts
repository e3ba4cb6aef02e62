/** The hook over a real event log and feed, in one process. Its deaths are in tests/journeys/event-hook.test.ts. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { bounds } from '../../../src/core/bounds.ts';
import type { TuttiEvent } from '../../../src/core/events.ts';
import { SystemNews } from '../../../src/processes/instance/system-runtime.ts';
import { EventFeed } from '../../../src/processes/supervisor/event-feed.ts';
import { EventLog } from '../../../src/processes/supervisor/event-log.ts';
import { openEventHook } from '../../../src/services/event-hook/event-hook.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { fakeClock } from '../../../src/testing/index.ts';
import { TemporaryFolder } from '../../os/temporary-folder.ts';

/** Remembers what it hears; the first event is not done with before `release`. */
const hookText = `
export const heard = [];
const { promise, resolve, reject } = Promise.withResolvers();
export const release = resolve;
export const fail = reject;
export const onEvent = (event) => (heard.push(event) === 1 ? promise : undefined);
`;

interface HookModule {
  readonly heard: readonly TuttiEvent[];
  readonly release: () => void;
  readonly fail: (error: Error) => void;
}

interface Said {
  readonly sentence: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

class HookWorld implements Disposable {
  readonly said: Said[] = [];
  readonly #parts = new DisposableStack();
  readonly #folder = this.#parts.use(new TemporaryFolder());
  readonly #news = new SystemNews('app', (after) => {
    this.#feed.ask('hook:events#1', after);
  });
  readonly #events: EventLog = this.#parts.adopt(
    new EventLog({
      ...{ clock: fakeClock(), generation: 1, directory: this.#folder.path },
      onEvent: () => {
        this.#feed.onEvent();
      },
    }),
    (log) => {
      log.close();
    },
  );
  readonly #feed = new EventFeed({
    ...{ events: this.#events, cursor: undefined, remember: () => undefined },
    send: (_id, message) => {
      // Between them is a socket.
      setImmediate(() => {
        this.#news.hear(message);
      });
      return true;
    },
  });

  async open(hookMs?: number): Promise<HookModule> {
    const module = this.#folder.file('hook.mjs');
    writeFileSync(module, hookText);
    const parts = await openEventHook({
      config: { module },
      runtime: { nextEvents: (after) => this.#news.nextEvents(after) },
      log: { ...silentLogger, error: (sentence, fields) => this.said.push({ sentence, fields }) },
      ...(hookMs === undefined ? {} : { hookMs }),
    });
    this.#parts.defer(() => {
      parts.close();
      // It waits for the next event, and ends when that comes.
      this.note('the end');
    });
    return (await import(pathToFileURL(module).href)) as HookModule;
  }

  note(reason: string): void {
    this.#events.note({ name: 'service:scaled', service: 'users', reason });
  }

  [Symbol.dispose](): void {
    this.#parts.dispose();
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const late = performance.now() + 10_000;
  while (!isSo()) {
    assert.ok(performance.now() < late, 'not within 10 s');
    await pause(5);
  }
}

test('events that were dropped before the hook came to them are told in one sentence, and it goes on with the oldest that is there', async () => {
  using world = new HookWorld();
  const { heard, release } = await world.open();
  world.note('before');
  await until(() => heard.length === 1);
  const first = heard[0]?.seq ?? 0;
  const notes = Math.ceil(bounds.events * 1.1) + 100;
  for (let n = 1; n <= notes; n += 1) world.note(String(n));
  release();
  await until(() => heard.at(-1)?.reason === String(notes));
  assert.deepEqual(world.said, [
    { sentence: 'Events were dropped before onEvent came to them', fields: { after: first } },
  ]);
  const [, ...rest] = heard.map(({ seq }) => seq);
  const oldest = rest[0] ?? 0;
  assert.ok(oldest > first + 1, 'some were dropped');
  assert.ok(rest.length >= bounds.events, `${String(rest.length)} of those that are remembered`);
  assert.deepEqual(
    rest,
    rest.map((_, n) => oldest + n),
    'each once, in order',
  );
});

test('a hook that takes too long is told and not waited for: the next event comes, and its late failure ends nothing', async () => {
  using world = new HookWorld();
  const { heard, fail } = await world.open(100);
  world.note('hangs');
  await until(() => heard.length === 1);
  world.note('waits its turn');
  assert.equal(heard.length, 1, 'one at a time');
  await until(() => heard.length === 2);
  assert.deepEqual(world.said, [
    {
      sentence: 'onEvent took too long and is not waited for',
      fields: { seq: heard[0]?.seq, waitedMs: 100 },
    },
  ]);
  fail(new Error('much too late'));
  world.note('after');
  await until(() => heard.length === 3);
  assert.equal(world.said.length, 1);
});
