/** Streams, the same on every transport: items both ways in order, credit, the end of either side, and what a lying peer gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { TuttiError } from '../../src/core/errors.ts';
import type { ServedStream } from '../../src/mesh/stream-of-call.ts';
import { drivers, gate, hasCode, MeshWorld, until } from './mesh-world.ts';

/** Sends 0, 1, 2 … `count`, as fast as it may. */
async function count({ to, size = 0 }: { to: number; size?: number }, stream: ServedStream): Promise<void> {
  stream.begin(false);
  const padding = 'x'.repeat(size);
  for (let n = 0; n < to; n += 1) {
    const sent = stream.send(size === 0 ? n : { n, padding });
    if (sent !== undefined) await sent;
  }
}
const serveCount = (input: unknown, stream: ServedStream): unknown => count(input as { to: number }, stream);

async function sum(_input: unknown, stream: ServedStream): Promise<number> {
  stream.begin(true);
  let total = 0;
  for await (const item of stream.items) total += item as number;
  return total;
}

async function double(_input: unknown, stream: ServedStream): Promise<string> {
  stream.begin(true);
  for await (const item of stream.items) await stream.send((item as number) * 2);
  return 'done';
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_hole, index) => index);

for (const [driver, open] of Object.entries(drivers)) {
  test(`${driver}: items come in order, all of them, then the result`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({
      streams: { count: async (input, stream) => (await serveCount(input, stream), 'end') },
    });
    const stream = world.caller().stream('users', 'count', { to: 30_000 });
    assert.deepEqual(await Array.fromAsync(stream), numbers(30_000));
    assert.equal(await stream.result, 'end');
  });

  test(`${driver}: how long a stream lasts is not how long a call takes`, async () => {
    await using world = new MeshWorld(open());
    const served = await world.serve({ actions: { get: () => 'x' }, streams: { sum } });
    const noted = (): number => served.stats().latency.reduce((total, calls) => total + calls, 0);
    const caller = world.caller();
    await caller.stream('users', 'sum', {}, { items: [1, 2] }).result;
    assert.deepEqual([served.stats().requests, noted()], [1, 0]);
    await caller.call('users', 'get', {});
    assert.deepEqual([served.stats().requests, noted()], [2, 1]);
  });

  test(`${driver}: items go, and the answer is the call's`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ streams: { sum } });
    const caller = world.caller();
    const result = caller.stream('users', 'sum', {}, { items: numbers(30_000) }).result;
    assert.equal(await result, (30_000 * 29_999) / 2);
    assert.equal(caller.stats().inFlight, 0);
  });

  test(`${driver}: both ways at once, and an item is answered before the next is asked for`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ streams: { double } });
    let asked = 0;
    async function* ask(): AsyncGenerator<number> {
      for (const n of numbers(100)) {
        asked += 1;
        yield n;
        await answered.opened;
      }
    }
    let answered = gate();
    const stream = world.caller().stream('users', 'double', {}, { items: ask() });
    const got: unknown[] = [];
    for await (const item of stream) {
      got.push(item);
      assert.equal(asked, got.length);
      const { open: next } = answered;
      answered = gate();
      next();
    }
    assert.deepEqual(
      got,
      numbers(100).map((n) => n * 2),
    );
    assert.equal(await stream.result, 'done');
  });

  test(`${driver}: a reader that stops costs its sender a window, and other calls nothing`, async () => {
    await using world = new MeshWorld(open());
    let sent = 0;
    await world.serve({
      actions: { echo: (input) => input },
      streams: {
        flood: async (_input, stream) => {
          stream.begin(false);
          const item = 'x'.repeat(10_000);
          for (; sent < 1_000; sent += 1) await stream.send(item);
        },
      },
    });
    const caller = world.caller();
    const reader = caller.stream('users', 'flood', {})[Symbol.asyncIterator]();
    await reader.next();
    await until(() => sent >= Math.floor(bounds.streamWindowBytes / 10_050));
    for (let n = 0; n < 200; n += 1) assert.equal(await caller.call('users', 'echo', n), n);
    assert.ok(sent * 10_000 <= bounds.streamWindowBytes, `${String(sent)} items were sent to nobody`);
    let read = 1;
    while ((await reader.next()).done !== true) read += 1;
    assert.equal(read, 1_000);
  });

  test(`${driver}: many streams on one connection all come to their end, beyond what it may hold`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ streams: { count: serveCount } });
    const caller = world.caller();
    const read = async (): Promise<number> => {
      let items = 0;
      for await (const item of caller.stream('users', 'count', { to: 40, size: 100_000 }))
        items += item === undefined ? 0 : 1;
      return items;
    };
    const counts = await Promise.all(numbers(30).map(read));
    assert.deepEqual(new Set(counts), new Set([40]));
  });

  test(`${driver}: a reader that leaves ends the handler, its signal and its place`, async () => {
    await using world = new MeshWorld(open());
    const ended = gate();
    const responder = await world.serve({
      streams: {
        ticks: async (_input, stream, call) => {
          stream.begin(false);
          try {
            for (let n = 0; ; n += 1) {
              await stream.send(n);
              await new Promise(setImmediate);
            }
          } finally {
            assert.ok(call.signal.aborted);
            ended.open();
          }
        },
      },
    });
    const caller = world.caller();
    for await (const item of caller.stream('users', 'ticks', {})) if (item === 3) break;
    await ended.opened;
    await until(() => responder.stats().inFlight === 0);
    assert.equal(caller.stats().inFlight, 0);
  });

  test(`${driver}: an abort ends it on both sides, while its reader waits`, async () => {
    await using world = new MeshWorld(open());
    const ended = gate();
    await world.serve({
      streams: {
        silent: async (_input, stream) => {
          stream.begin(true);
          try {
            await stream.items.next();
          } finally {
            ended.open();
          }
        },
      },
    });
    const abort = new AbortController();
    const stream = world.caller().stream('users', 'silent', {}, { signal: abort.signal });
    await stream.begun;
    const reading = Array.fromAsync(stream);
    abort.abort();
    await assert.rejects(reading, hasCode('CANCELLED'));
    await assert.rejects(stream.result, hasCode('CANCELLED'));
    await ended.opened;
  });

  test(`${driver}: an error comes after the items before it, and what the items throw ends the other side`, async () => {
    await using world = new MeshWorld(open());
    let reason: unknown;
    await world.serve({
      streams: {
        fails: async (_input, stream) => {
          stream.begin(false);
          await stream.send(1);
          throw new TuttiError('CONFLICT', { what: 'x' });
        },
        sum: async (input, stream) => sum(input, stream).catch((error: unknown) => (reason = error)),
      },
    });
    const caller = world.caller();
    const got: unknown[] = [];
    await assert.rejects(async () => {
      for await (const item of caller.stream('users', 'fails', {})) got.push(item);
    }, hasCode('CONFLICT'));
    assert.deepEqual(got, [1]);
    function* bad(): Generator<number> {
      yield 1;
      throw new TypeError('my own');
    }
    await assert.rejects(caller.stream('users', 'sum', {}, { items: bad() }).result, TypeError);
    await until(() => reason !== undefined);
    assert.ok(hasCode('CANCELLED')(reason));
  });

  test(`${driver}: an answer before the last item ends their source`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({
      streams: {
        first: async (_input, stream) => {
          stream.begin(true);
          return (await stream.items.next()).value;
        },
      },
    });
    const ended = gate();
    function* forever(): Generator<string> {
      try {
        for (;;) yield 'x'.repeat(100_000);
      } finally {
        ended.open();
      }
    }
    assert.equal(
      ((await world.caller().stream('users', 'first', {}, { items: forever() }).result) as string).length,
      100_000,
    );
    await ended.opened;
  });

  test(`${driver}: an item over the limit is refused by name, and an item that is not JSON is an error`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({
      streams: {
        sum,
        large: async (_input, stream) => {
          stream.begin(false);
          await stream.send('x'.repeat(bounds.streamItemBytes));
        },
      },
    });
    const caller = world.caller();
    await assert.rejects(Array.fromAsync(caller.stream('users', 'large', {})), hasCode('PAYLOAD_TOO_LARGE'));
    const items = ['x'.repeat(bounds.streamItemBytes)];
    await assert.rejects(caller.stream('users', 'sum', {}, { items }).result, hasCode('PAYLOAD_TOO_LARGE'));
  });

  test(`${driver}: silence of either side ends the stream by its code`, async () => {
    await using world = new MeshWorld(open());
    let heard: unknown;
    await world.serve({
      silenceMs: 60,
      streams: {
        sum: async (input, stream) =>
          sum(input, stream).catch((error: unknown) => {
            heard = error;
            throw error;
          }),
        quiet: async (_input, stream, call) => {
          stream.begin(false);
          await stream.send(1);
          await new Promise((resolve) => {
            call.signal.addEventListener('abort', resolve);
          });
        },
      },
    });
    const caller = world.caller();
    await assert.rejects(Array.fromAsync(caller.stream('users', 'quiet', {})), hasCode('STREAM_SILENT'));
    async function* never(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => undefined);
    }
    await assert.rejects(
      caller.stream('users', 'sum', {}, { items: never(), silenceMs: 10_000 }).result,
      hasCode('STREAM_SILENT'),
    );
    assert.ok(hasCode('STREAM_SILENT')(heard));
  });

  test(`${driver}: a stream has as long as a call to begin, and then as long as items move`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({
      streams: {
        stuck: () => new Promise(() => undefined),
        slow: async (_input, stream) => {
          stream.begin(false);
          for (const n of [1, 2, 3]) {
            await new Promise((resolve) => setTimeout(resolve, 60));
            await stream.send(n);
          }
        },
      },
    });
    const caller = world.caller();
    await assert.rejects(
      caller.stream('users', 'slow', {}, { deadlineMs: 100 }).result,
      hasCode('CALL_TIMED_OUT'),
    );
    assert.deepEqual(await Array.fromAsync(caller.stream('users', 'slow', {})), [1, 2, 3]);
    await assert.rejects(
      caller.stream('users', 'stuck', {}, { deadlineMs: 50 }).begun,
      hasCode('CALL_TIMED_OUT'),
    );
  });

  test(`${driver}: before it has begun it goes elsewhere, afterwards its loss is told`, async () => {
    await using world = new MeshWorld(open());
    const block = gate();
    await world.serve({
      slot: 1,
      concurrency: 1,
      streams: {
        hold: async (_input, stream) => (stream.begin(false), await stream.send(1), await block.opened, 1),
      },
    });
    const second = await world.serve({
      slot: 2,
      streams: {
        hold: async (_input, stream) => (stream.begin(false), await stream.send(2), await block.opened, 2),
      },
    });
    await second.drain();
    // Which of the two is asked first is drawn: each caller that has met neither draws again.
    for (let draw = 0; draw < 10; draw += 1) {
      const stream = world.caller().stream('users', 'hold', {});
      const reader = stream[Symbol.asyncIterator]();
      assert.deepEqual(await reader.next(), { done: false, value: 1 });
      block.open();
      assert.equal(await stream.result, 1);
    }

    const third = await world.serve({
      slot: 3,
      streams: {
        lost: async (_input, stream) => (
          stream.begin(false),
          await stream.send(1),
          await new Promise(() => undefined)
        ),
      },
    });
    world.unlist({ service: 'users', slot: 1 });
    world.unlist({ service: 'users', slot: 2 });
    const lost = world.caller().stream('users', 'lost', {});
    const reading = lost[Symbol.asyncIterator]();
    await reading.next();
    await third.close();
    await assert.rejects(reading.next(), hasCode('INSTANCE_LOST'));
    await assert.rejects(lost.result, hasCode('INSTANCE_LOST'));
  });

  test(`${driver}: whoever asks the wrong way is told the right one`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ actions: { echo: (input) => input }, streams: { sum } });
    const caller = world.caller();
    await assert.rejects(caller.call('users', 'sum', {}), (error: Error) =>
      /is a stream/.test(error.message),
    );
    await assert.rejects(caller.stream('users', 'echo', {}).result, (error: Error) =>
      /no stream/.test(error.message),
    );
    assert.equal(await caller.call('users', 'echo', 1), 1);
  });

  test(`${driver}: one that does not move is ended when its instance stops, one that moves comes to its end`, async () => {
    await using world = new MeshWorld(open());
    const responder = await world.serve({
      streams: {
        quiet: async (_input, stream) => {
          stream.begin(true);
          await stream.items.next();
        },
        busy: async (_input, stream) => {
          stream.begin(false);
          for (let n = 0; n < 15; n += 1) {
            await stream.send(n);
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
        },
      },
    });
    const caller = world.caller();
    const quiet = caller.stream('users', 'quiet', {});
    const busy = caller.stream('users', 'busy', {});
    await Promise.all([quiet.begun, busy.begun]);
    const drained = responder.drain();
    await assert.rejects(quiet.result, hasCode('STOPPING'));
    assert.equal((await Array.fromAsync(busy)).length, 15);
    assert.equal(await drained, true);
  });

  test(`${driver}: for HTTP items are what came, with their ids`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({
      streams: {
        rows: async (_input, stream) => {
          stream.begin(false);
          await stream.send({ a: 1 }, '7');
          await stream.send(null);
        },
      },
    });
    const items = await Array.fromAsync(world.caller().streamForHttp('users', 'rows', {}));
    assert.deepEqual(
      items.map(({ body, envelope }) => [body, envelope]),
      [
        ['{"a":1}', '{"id":"7"}'],
        ['null', ''],
      ],
    );
  });
}

for (const [driver, open] of Object.entries(drivers))
  test(`${driver}: a connection full of other calls delays a stream, and loses none of its words`, async () => {
    await using world = new MeshWorld(open());
    const block = gate();
    await world.serve({
      actions: { large: () => block.opened.then(() => 'x'.repeat(bounds.outgoingBytes + 1_000_000)) },
      streams: { sum, count: serveCount },
    });
    const caller = world.caller();
    const large = caller.call('users', 'large', {});
    const sums = caller.stream('users', 'sum', {}, { items: numbers(100) });
    const counts = caller.stream('users', 'count', { to: 200, size: 20_000 });
    // They are asked for first, and all that follows meets a connection that is full.
    const results = Promise.allSettled([sums.result, counts.result]);
    const input = 'x'.repeat(bounds.outgoingBytes + 1_000_000);
    const full = caller.call('users', 'large', input);
    const settled = Promise.allSettled([large, full]);
    block.open();
    assert.equal((await Array.fromAsync(counts)).length, 200);
    // An answer may be turned away while more than the bound waits before it, and its caller hears that.
    for (const answer of [...(await results), ...(await settled)])
      if (answer.status === 'rejected') assert.equal((answer.reason as TuttiError).code, 'OVERLOADED');
  });
