import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { Command, fixture, instanceOf, makeHome } from '../journeys/command.ts';

const file = fixture('faults/tutti.ts');

const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1_024;

interface Line {
  readonly instance: string;
  readonly message: string;
}
const linesOf = (said: string, instance: string): string[] =>
  said
    .split('\n')
    .filter((text) => text.startsWith('{'))
    .map((text) => JSON.parse(text) as Line)
    .filter((line) => line.instance === instance)
    .map(({ message }) => message);

for (const end of ['exit', 'throw', 'kill'] as const)
  test(`30,000 lines and then its end by ${end}: every line is in the stream, the last one too, and in order`, async () => {
    using home = makeHome();
    await using app = new Command(home.folder, ['start', file]);
    await app.ready();
    const input = { lines: 30_000, end };
    await app.admin
      .post('/call', { action: 'talker.count', input, deadlineMs: 30_000 })
      .catch(() => undefined);
    await app.until('the next one is there', (now) => {
      const { epoch, state } = instanceOf(now, 'talker#1');
      return epoch === 2 && state === 'ready';
    });
    await app.hears('last words without an end');
    const lines = linesOf(app.said, 'talker#1@1');
    const counted = lines.filter((line) => line.startsWith('line '));
    assert.deepEqual(
      counted,
      Array.from({ length: 30_000 }, (_, n) => `line ${String(n + 1)}`),
    );
    assert.ok(lines.some((line) => line.startsWith('last words without an end')));
    assert.deepEqual(
      linesOf(app.said, 'talker#1@2').filter((line) => line.startsWith('l')),
      [],
    );
  });

/** Reads the stream of the app and keeps only whether the words were in it: it may be long. */
async function hearsIn(stdout: Readable, words: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let last = '';
  stdout.on('data', (chunk: Buffer) => {
    const text = last + chunk.toString('latin1');
    if (text.includes(words)) resolve(undefined);
    last = text.slice(-words.length);
  });
  await promise;
}

/** Resolves when the supervisor has read everything that the talker has written. */
async function untilRead(app: Command): Promise<void> {
  const said = Date.now();
  await app.admin.post('/call', { action: 'talker.say', input: { text: '\nthe end\n' } });
  const limit = AbortSignal.timeout(30_000);
  for (;;) {
    limit.throwIfAborted();
    const path = `/logs?service=talker&since=${String(said)}`;
    for await (const line of app.admin.follow(path, AbortSignal.timeout(20_000)))
      if ((line as Line).message.endsWith('the end')) return;
    await new Promise((done) => setTimeout(done, 100));
  }
}

for (const what of ['lines', 'endless', 'binary'] as const)
  test(`80 MB of ${what} while nobody reads the stream: the supervisor keeps little, judges nobody, and goes on`, async () => {
    using home = makeHome();
    await using app = new Command(home.folder, ['start', file]);
    const first = await app.ready();
    const { stdout } = app.child;
    assert.ok(stdout);
    stdout.removeAllListeners('data').pause();
    // Of bytes that are no text many are ends of lines.
    const input = { mib: what === 'binary' ? 8 : 80, what };
    const call = { action: 'talker.flood', input, deadlineMs: 60_000 };
    await app.admin.post('/call', call, { timeoutMs: 60_000 });
    assert.equal((await fetch(`${await app.url()}/hello`)).status, 200);
    await untilRead(app);
    const after = await app.status();
    assert.deepEqual(after.pids, first.pids);
    assert.equal(instanceOf(after, 'talker#1').state, 'ready');
    assert.ok(rssOf(after.pids.supervisor) < 400, `${String(rssOf(after.pids.supervisor))} MB`);
    const heard = hearsIn(stdout, 'Lines were dropped');
    stdout.resume();
    const limit = AbortSignal.timeout(20_000);
    const told = new AbortController();
    void heard.then(() => {
      told.abort();
    });
    // It is told with the next line for which there is room.
    while (!told.signal.aborted) {
      limit.throwIfAborted();
      await app.admin.post('/call', { action: 'talker.say', input: { text: 'more\n' } });
    }
  });

test('a reader of the logs gets all that is remembered, though it is more than may wait for one', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', file]);
  await app.ready();
  const { stdout } = app.child;
  assert.ok(stdout);
  const ended = hearsIn(stdout.removeAllListeners('data'), '"the end"');
  const input = { mib: 12, what: 'lines' };
  await app.admin.post('/call', { action: 'talker.flood', input, deadlineMs: 30_000 });
  await app.admin.post('/call', { action: 'talker.say', input: { text: 'the end\n' } });
  await ended;
  const lines: unknown[] = [];
  const path = '/logs?service=talker';
  for await (const line of app.admin.follow(path, AbortSignal.timeout(20_000))) lines.push(line);
  assert.ok(lines.length > 10_000, String(lines.length));
  assert.equal((lines.at(-1) as Line).message, 'the end');
});
