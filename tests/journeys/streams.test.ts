/** Streams between real processes, which are killed, restarted and left while items move. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventPage } from '../../src/core/events.ts';
import { allPids, Command, fixture, instanceOf, makeHome, pidOf } from './command.ts';

const streams = fixture('streams/tutti.ts');

interface Heard {
  readonly id: string;
  readonly event: string;
  readonly data: { readonly n: number; readonly pid: number; readonly code?: string };
}

/** Reads Server-Sent Events. */
async function* eventsOf(response: Response): AsyncGenerator<Heard, void, undefined> {
  let held = '';
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    held += text;
    for (let at = held.indexOf('\n\n'); at >= 0; at = held.indexOf('\n\n')) {
      const lines = held.slice(0, at).split('\n');
      held = held.slice(at + 2);
      const field = (name: string): string =>
        lines.find((line) => line.startsWith(name))?.slice(name.length) ?? '';
      const data = field('data: ');
      if (data !== '')
        yield { id: field('id: '), event: field('event: '), data: JSON.parse(data) as Heard['data'] };
    }
  }
}

/** As `EventSource` does: comes back with the id of the last event, until it has seen `to`. */
class Follower {
  readonly seen: number[] = [];
  readonly pids = new Set<number>();
  readonly reasons: string[] = [];
  #lastId = '0';

  async follow(url: string, to: () => boolean): Promise<void> {
    while (!to()) {
      const response = await fetch(url, { headers: { 'last-event-id': this.#lastId } }).catch(
        () => undefined,
      );
      if (response?.status !== 200) continue;
      try {
        for await (const { id, event, data } of eventsOf(response)) {
          if (event !== '') this.reasons.push(data.code ?? event);
          if (event !== '' || to()) break;
          this.#lastId = id;
          this.seen.push(data.n);
          this.pids.add(data.pid);
        }
      } catch {
        // Cut off: it comes back.
      }
    }
  }
}

/** Until nobody of before is left. */
async function roll(app: Command, target: string): Promise<void> {
  const before = allPids(await app.status());
  await app.admin.post('/restart', { target, rolling: true });
  await app.until(`${target} has been replaced`, ({ services }) => {
    const service = services.find(({ name }) => name === target);
    return (
      service?.ready === service?.wanted &&
      service?.instances.length === service?.wanted &&
      service?.instances.every(({ pid }) => pid !== null && !before.includes(pid)) === true
    );
  });
}

/** How long each instance took from when it was sent away until it was gone. */
async function drains(app: Command): Promise<number[]> {
  const { events } = await app.admin.get<EventPage>('/events?after=0');
  const since = new Map<string, number>();
  return events.flatMap((event) => {
    if (event.type !== 'instance') return [];
    if (event.to === 'draining') since.set(event.instance, event.time);
    const from = since.get(event.instance);
    return event.to === 'stopped' && from !== undefined ? [event.time - from] : [];
  });
}

const gapless = (seen: readonly number[]): boolean => seen.every((n, at) => n === at + 1);

test('a reader whose instance is killed is told, and goes on with the next one where it was', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', streams]);
  await app.ready();
  const url = `${await app.url()}/count`;
  const follower = new Follower();
  let kills = 0;
  const following = follower.follow(url, () => kills === 5 && follower.reasons.length >= 5);
  while (kills < 5) {
    const seen = follower.seen.length;
    const pids = follower.pids.size;
    await app.until(
      'it reads',
      () => follower.seen.length > seen + 20 && (kills === 0 || follower.pids.size >= pids),
    );
    const pid = [...follower.pids].at(-1) ?? 0;
    const status = await app.status();
    const slot = ['numbers#1', 'numbers#2'].find((name) => pidOf(status, name) === pid);
    if (slot === undefined) continue;
    process.kill(pid, 'SIGKILL');
    kills += 1;
    await app.until('it was told', () => follower.reasons.length >= kills);
    await app.until('both are back', ({ services }) =>
      services.every(({ ready, wanted }) => ready === wanted),
    );
  }
  await following;
  assert.ok(gapless(follower.seen), 'a number was missed or came twice');
  assert.deepEqual(new Set(follower.reasons), new Set(['INSTANCE_LOST']));
});

test('a rolling restart of service and gateway loses no reader an item, and needs no limit to end', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', streams]);
  await app.ready();
  const url = `${await app.url()}/count`;
  const followers = Array.from({ length: 4 }, () => new Follower());
  let isOver = false;
  const following = followers.map((follower) => follower.follow(url, () => isOver));
  await app.until('all read', () => followers.every(({ seen }) => seen.length > 50));
  const quiet = await fetch(`${await app.url()}/relayed/quiet`);
  await roll(app, 'gateway:public');
  await roll(app, 'relay');
  await roll(app, 'numbers');
  for (const drainMs of await drains(app))
    assert.ok(drainMs < 6_000, `a drain took ${String(drainMs)} ms: streams held it up`);
  assert.match(await quiet.text().catch(() => 'cut'), /^data|cut/);
  const seen = followers.map((follower) => follower.seen.length);
  await app.until('all read again', () =>
    followers.every((follower, at) => follower.seen.length > (seen[at] ?? 0) + 50),
  );
  isOver = true;
  await Promise.all(following);
  for (const follower of followers) assert.ok(gapless(follower.seen), 'a number was missed or came twice');
});

test('whoever leaves ends the handlers all the way down', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', streams]);
  await app.ready();
  const url = await app.url();
  const opened = async (): Promise<number> =>
    ((await (await fetch(`${url}/opened`)).json()) as { streams: number }).streams;
  const abort = new AbortController();
  const readers = await Promise.all(
    Array.from({ length: 20 }, () => fetch(`${url}/relayed/quiet`, { signal: abort.signal })),
  );
  while ((await opened()) < 20);
  abort.abort();
  while ((await opened()) > 0);
  for (const reader of readers) await reader.body?.cancel().catch(() => undefined);
});

test('an upload goes through two services and a kill: it is whole, or told to be lost', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', streams]);
  const before = await app.ready();
  const url = await app.url();
  const send = (numbers: Iterable<number> | AsyncIterable<number>): Promise<Response> =>
    fetch(`${url}/relayed`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: ReadableStream.from(lines(numbers)),
      duplex: 'half',
    });
  async function* lines(numbers: Iterable<number> | AsyncIterable<number>): AsyncGenerator<Uint8Array> {
    for await (const n of numbers) yield Buffer.from(`${String(n)}\n`);
  }
  assert.deepEqual(await (await send(Array.from({ length: 5_000 }, (_hole, n) => n))).json(), {
    sum: 12_497_500,
  });
  async function* killing(): AsyncGenerator<number> {
    yield 1;
    for (const slot of ['numbers#1', 'numbers#2']) process.kill(pidOf(before, slot), 'SIGKILL');
    for (let n = 0; n < 1_000; n += 1) {
      yield n;
      await new Promise(setImmediate);
    }
  }
  // Whoever still writes may find the connection closed before the answer is read.
  const lost = await send(killing()).catch(() => undefined);
  if (lost !== undefined) {
    assert.equal(lost.status, 503);
    assert.match(await lost.text(), /INSTANCE_LOST|NO_INSTANCE|CONNECTION_REFUSED/);
  }
  // Of those that were killed it may not be known yet.
  await app.until('both are back', (now) =>
    ['numbers#1', 'numbers#2'].every((slot) => {
      const { pid, state } = instanceOf(now, slot);
      return state === 'ready' && pid !== pidOf(before, slot);
    }),
  );
  assert.deepEqual(await (await send([1, 2, 3])).json(), { sum: 6 });
});
