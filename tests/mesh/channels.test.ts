/** Channels, the same on every transport: receipts, what is in flight at an end, other runs after a loss, and the end of either side. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { TuttiError } from '../../src/core/errors.ts';
import type { ChannelCall } from '../../src/mesh/channel-call.ts';
import type { ServedStream } from '../../src/mesh/stream-of-call.ts';
import { drivers, gate, hasCode, MeshWorld, until } from './mesh-world.ts';

/** As a host reads them: each is taken when it is handed to the loop. */
async function* messagesOf(stream: ServedStream): AsyncGenerator<unknown, void, undefined> {
  for await (const message of stream.items) {
    stream.taken();
    yield message;
  }
}

const say = (stream: ServedStream, message: unknown): Promise<void> | undefined =>
  stream.messages?.send(message);

async function echo(_input: unknown, stream: ServedStream): Promise<void> {
  stream.begin(true);
  for await (const message of messagesOf(stream)) await say(stream, message);
}

/** Begins, and reads when it is told to. */
const reader =
  (begin: Promise<unknown>, seen: unknown[] = []) =>
  async (_input: unknown, stream: ServedStream): Promise<void> => {
    stream.begin(true);
    await begin;
    for await (const message of messagesOf(stream)) seen.push(message);
  };

const never = new Promise<undefined>(() => undefined);
const large = 'x'.repeat(bounds.streamItemBytes - 100);

type End = 'taken' | { readonly code: string; readonly executed: unknown };
/** How a message ended, for its sender. */
const endOf = (sent: Promise<void>): Promise<End> =>
  sent.then(
    () => 'taken' as const,
    (error: unknown) => ({
      code: (error as TuttiError).code,
      executed: (error as TuttiError).data['executed'],
    }),
  );

async function read(channel: ChannelCall, count: number): Promise<unknown[]> {
  const got: unknown[] = [];
  if (count > 0) for await (const message of channel) if (got.push(message) === count) break;
  return got;
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_hole, index) => index);

for (const [driver, open] of Object.entries(drivers)) {
  test(`${driver}: messages go both ways in order, each is taken once, and closing ends both sides`, async () => {
    await using world = new MeshWorld(open());
    const responder = await world.serve({ channels: { echo } });
    const caller = world.caller();
    const channel = await caller.channel('users', 'echo', {});
    const reading = read(channel, 5_000);
    for (const n of numbers(5_000)) await channel.send(n);
    assert.deepEqual(await reading, numbers(5_000));
    // Leaving the loop has ended nothing.
    const again = read(channel, 1);
    await channel.send('once more');
    assert.deepEqual(await again, ['once more']);
    await channel.close();
    await channel.close();
    assert.deepEqual(await Array.fromAsync(channel), []);
    assert.equal(caller.stats().inFlight, 0);
    await until(() => responder.stats().inFlight === 0);
    assert.deepEqual(await endOf(channel.send('late')), { code: 'CANCELLED', executed: 'no' });
  });

  test(`${driver}: a message is sent when the other side has taken it, and not before`, async () => {
    await using world = new MeshWorld(open());
    const seen: unknown[] = [];
    const turns = [gate(), gate()] as const;
    await world.serve({
      channels: {
        slow: async (_input, stream) => {
          stream.begin(true);
          for (const turn of turns) {
            await turn.opened;
            seen.push((await stream.items.next()).value);
            stream.taken();
          }
        },
      },
    });
    const channel = await world.caller().channel('users', 'slow', {});
    let taken = 0;
    const sending = ['a', 'b', 'c'].map((text) =>
      endOf(channel.send(text)).then((end) => {
        if (end === 'taken') taken += 1;
        return end;
      }),
    );
    turns[0].open();
    assert.equal(await sending[0], 'taken');
    assert.deepEqual([seen, taken], [['a'], 1]);
    turns[1].open();
    // The handler has returned: what it did not take it never will.
    assert.deepEqual(await Promise.all(sending), ['taken', 'taken', { code: 'CANCELLED', executed: 'no' }]);
    assert.deepEqual(seen, ['a', 'b']);
  });

  test(`${driver}: a reader that stops costs its sender a window and a bounded line, and other calls nothing`, async (t) => {
    await using world = new MeshWorld(open());
    await world.serve({
      actions: { echo: (input) => input },
      channels: {
        stuck: reader(never),
        talks: async (_input, stream) => {
          stream.begin(true);
          for (;;) await say(stream, large);
        },
      },
    });
    const caller = world.caller();
    const channel = await caller.channel('users', 'stuck', {});
    const ends = Array.from({ length: 2_000 }, () => endOf(channel.send('small')));
    assert.deepEqual(
      await Promise.all(ends.slice(bounds.channelMessages)),
      Array.from({ length: 1_000 }, () => ({ code: 'OVERLOADED', executed: 'no' })),
    );
    const other = await caller.channel('users', 'stuck', {});
    const largeEnds = Array.from({ length: 100 }, () => endOf(other.send(large)));
    let refused = 0;
    for (const end of largeEnds)
      void end.then((found) => (refused += found !== 'taken' && found.code === 'OVERLOADED' ? 1 : 0));
    await caller.channel('users', 'talks', {});
    for (let n = 0; n < 200; n += 1) assert.equal(await caller.call('users', 'echo', n), n);
    assert.equal(refused, 100 - Math.floor(bounds.channelBytes / bounds.streamItemBytes));
    t.diagnostic(`messages of half a MiB that were held: ${String(100 - refused)}`);
    for (const one of [channel, other]) one.cancel();
    await Promise.all([...ends, ...largeEnds]);
  });

  test(`${driver}: a message beyond its deadline is told, with what is known of it, and the rest goes on`, async () => {
    await using world = new MeshWorld(open());
    const begin = gate();
    const seen: unknown[] = [];
    await world.serve({ channels: { late: reader(begin.opened, seen) } });
    const channel = await world.caller().channel('users', 'late', {});
    const deadlineMs = 50;
    const late = [1, 2, 3].map((n) => endOf(channel.send(String(n) + large, { deadlineMs })));
    const last = endOf(channel.send('4', { deadlineMs: Infinity }));
    assert.deepEqual(await Promise.all(late), [
      { code: 'CALL_TIMED_OUT', executed: 'unknown' },
      { code: 'CALL_TIMED_OUT', executed: 'unknown' },
      // It never left: a window holds two.
      { code: 'CALL_TIMED_OUT', executed: 'no' },
    ]);
    begin.open();
    assert.equal(await last, 'taken');
    assert.deepEqual(
      seen.map((message) => String(message).slice(0, 1)),
      ['1', '2', '4'],
    );
  });

  test(`${driver}: without a policy the channel ends with its instance: what was sent is unknown, what waited was not taken`, async () => {
    await using world = new MeshWorld(open());
    const responder = await world.serve({ channels: { stuck: reader(never) } });
    const channel = await world.caller().channel('users', 'stuck', {});
    const ends = [large, large, large].map((message) => endOf(channel.send(message)));
    const reading = read(channel, 1);
    reading.catch(() => undefined);
    await responder.close();
    assert.deepEqual(await Promise.all(ends), [
      { code: 'INSTANCE_LOST', executed: 'unknown' },
      { code: 'INSTANCE_LOST', executed: 'unknown' },
      { code: 'INSTANCE_LOST', executed: 'no' },
    ]);
    await assert.rejects(reading, hasCode('INSTANCE_LOST'));
    assert.deepEqual(await endOf(channel.send('late')), { code: 'INSTANCE_LOST', executed: 'no' });
    // It was told.
    await channel.close();
  });

  test(`${driver}: with a policy another run goes on, with the input it is given; nothing is sent twice`, async () => {
    await using world = new MeshWorld(open());
    const seen: unknown[] = [];
    const run = (slot: number) => async (input: unknown, stream: ServedStream) => {
      stream.begin(true);
      seen.push({ slot, input });
      // The first one reads nothing.
      if (slot === 1) await never;
      for await (const message of messagesOf(stream)) {
        seen.push(String(message).slice(0, 1));
        await say(stream, `from ${String(slot)}`);
      }
    };
    const first = await world.serve({ slot: 1, channels: { work: run(1) } });
    const losses: string[] = [];
    const channel = await world.caller().channel(
      'users',
      'work',
      { after: 0 },
      {
        reconnect: {
          forMs: 10_000,
          input: ({ code }) => ({ after: losses.push(code) }),
        },
      },
    );
    const reading = read(channel, 1);
    const ends = ['1', '2', '3'].map((text) => endOf(channel.send(text + large.slice(1))));
    world.unlist({ service: 'users', slot: 1 });
    await first.close();
    const whileAway = endOf(channel.send('4', { deadlineMs: Infinity }));
    assert.deepEqual(await Promise.all(ends.slice(0, 2)), [
      { code: 'INSTANCE_LOST', executed: 'unknown' },
      { code: 'INSTANCE_LOST', executed: 'unknown' },
    ]);
    await world.serve({ slot: 2, channels: { work: run(2) } });
    assert.deepEqual(await Promise.all([ends[2], whileAway]), ['taken', 'taken']);
    assert.deepEqual(await reading, ['from 2']);
    assert.deepEqual(seen, [{ slot: 1, input: { after: 0 } }, { slot: 2, input: { after: 1 } }, '3', '4']);
    assert.deepEqual(losses, ['INSTANCE_LOST']);
    channel.cancel();
  });

  test(`${driver}: what had come and was not read at a loss is dropped, and was not told to be taken`, async () => {
    await using world = new MeshWorld(open());
    const run = (slot: number) => async (_input: unknown, stream: ServedStream) => {
      stream.begin(true);
      const own = endOf(say(stream, slot) ?? Promise.resolve()).then((end) => ends.push({ slot, end }));
      await Array.fromAsync(messagesOf(stream));
      await own;
    };
    const ends: unknown[] = [];
    const first = await world.serve({ slot: 1, channels: { work: run(1) } });
    const lost = gate();
    const reconnect = { forMs: 10_000, input: lost.open };
    const channel = await world.caller().channel('users', 'work', {}, { reconnect });
    // What the handler said before has come too.
    await channel.send('x');
    world.unlist({ service: 'users', slot: 1 });
    await first.close();
    await lost.opened;
    await world.serve({ slot: 2, channels: { work: run(2) } });
    assert.deepEqual(await read(channel, 1), [2]);
    await channel.close();
    assert.deepEqual(ends, [
      { slot: 1, end: { code: 'CANCELLED', executed: 'unknown' } },
      { slot: 2, end: 'taken' },
    ]);
  });

  test(`${driver}: an instance that stops sends its channels on, whatever their handlers do: what it had not taken is known not to be`, async () => {
    await using world = new MeshWorld(open());
    const seen: unknown[] = [];
    const atWork = gate();
    let reason: unknown;
    const first = await world.serve({
      slot: 1,
      channels: {
        work: async (_input, stream, call) => {
          stream.begin(true);
          await stream.items.next();
          stream.taken();
          await atWork.opened;
          reason = call.signal.reason;
          throw stream.endedBy ?? new Error('not ended');
        },
      },
    });
    const reconnect = { forMs: 10_000, input: () => ({}) };
    const channel = await world.caller().channel('users', 'work', {}, { reconnect });
    assert.equal(await endOf(channel.send('a')), 'taken');
    const b = endOf(channel.send('b'));
    await world.serve({ slot: 2, channels: { work: reader(Promise.resolve(), seen) } });
    const drained = first.drain();
    assert.deepEqual(await b, { code: 'STOPPING', executed: 'no' });
    assert.equal(await endOf(channel.send('c')), 'taken');
    assert.deepEqual(seen, ['c']);
    await channel.close();
    atWork.open();
    assert.ok(await drained);
    assert.ok(hasCode('STOPPING')(reason));
  });

  test(`${driver}: it is given up after its time, by what the last try met; what cannot get better is not tried`, async () => {
    await using world = new MeshWorld(open());
    const responder = await world.serve({ channels: { stuck: reader(never) } });
    const caller = world.caller();
    const opened = (forMs: number, input: () => unknown = () => ({})): Promise<ChannelCall> =>
      caller.channel('users', 'stuck', {}, { reconnect: { forMs, input } });
    const short = await opened(300);
    const own = await opened(60_000, () => {
      throw new TuttiError('CONFLICT', { what: 'x' });
    });
    const patient = await opened(60_000);
    const ends = [short, own].map((channel) => endOf(channel.send('in flight')));
    world.unlist({ service: 'users', slot: 1 });
    await responder.close();
    const lost = { code: 'INSTANCE_LOST', executed: 'unknown' };
    assert.deepEqual(await Promise.all(ends), [lost, lost]);
    await assert.rejects(read(own, 1), hasCode('CONFLICT'));
    await assert.rejects(read(short, 1), hasCode('NO_INSTANCE'));
    assert.deepEqual(await endOf(short.send('late')), { code: 'NO_INSTANCE', executed: 'no' });
    // Three that were opened, and a try of each of the two: before its first one the patient one knows of the loss only.
    await until(() => caller.stats().calls >= 5);
    // Whoever closes it does not want another run, and what waited for one hears of it.
    const away = endOf(patient.send('away'));
    await patient.close();
    assert.deepEqual(await away, { code: 'NO_INSTANCE', executed: 'no' });
    assert.equal(caller.stats().inFlight, 0);
  });

  test(`${driver}: what a handler throws comes after what it sent, and is no loss though it be the loss of somebody else`, async () => {
    await using world = new MeshWorld(open());
    let runs = 0;
    await world.serve({
      channels: {
        fails: async (_input, stream) => {
          runs += 1;
          stream.begin(true);
          await say(stream, 1);
          void say(stream, 2)?.catch(() => undefined);
          throw new TuttiError('INSTANCE_LOST', { instance: 'mail#1@1' });
        },
      },
    });
    const channel = await world.caller().channel(
      'users',
      'fails',
      {},
      {
        reconnect: { forMs: 10_000, input: () => ({}) },
      },
    );
    const got: unknown[] = [];
    await assert.rejects(
      async () => {
        for await (const message of channel) got.push(message);
      },
      hasCode('INSTANCE_LOST', { instance: 'mail#1@1' }),
    );
    assert.deepEqual([got, runs], [[1, 2], 1]);
    assert.deepEqual(await endOf(channel.send('late')), { code: 'INSTANCE_LOST', executed: 'no' });
  });

  test(`${driver}: closing waits for what was sent and for the handler, and beyond its deadline ends it`, async () => {
    await using world = new MeshWorld(open());
    const begin = gate();
    const seen: unknown[] = [];
    const left = gate();
    await world.serve({
      channels: {
        slow: reader(begin.opened, seen),
        deaf: async (_input, stream, call) => {
          stream.begin(true);
          await new Promise((resolve) => {
            call.signal.addEventListener('abort', resolve);
          });
          left.open();
        },
        fails: async (_input, stream) => {
          await reader(Promise.resolve())({}, stream);
          throw new TuttiError('CONFLICT', { what: 'x' });
        },
      },
    });
    const caller = world.caller();
    const slow = await caller.channel('users', 'slow', {});
    const ends = Array.from({ length: 500 }, (_hole, n) => endOf(slow.send(n)));
    const closing = slow.close({ deadlineMs: Infinity });
    begin.open();
    await closing;
    assert.deepEqual(new Set(await Promise.all(ends)), new Set(['taken']));
    assert.deepEqual(seen, numbers(500));
    const deaf = await caller.channel('users', 'deaf', {});
    await assert.rejects(deaf.close({ deadlineMs: 50 }), hasCode('CALL_TIMED_OUT'));
    await left.opened;
    const fails = await caller.channel('users', 'fails', {});
    await assert.rejects(fails.close(), hasCode('CONFLICT'));
    await fails.close();
    // A block that ends closes it too.
    await assert.rejects(async () => {
      await using channel = await caller.channel('users', 'fails', {});
      await channel.send(1);
    }, hasCode('CONFLICT'));
  });

  test(`${driver}: an abort ends it on both sides, and while it is away`, async () => {
    await using world = new MeshWorld(open());
    const left: unknown[] = [];
    const responder = await world.serve({
      channels: {
        quiet: async (_input, stream) => {
          stream.begin(true);
          const own = say(stream, 'nobody takes this');
          await own?.catch((error: unknown) => left.push(error));
        },
      },
    });
    const caller = world.caller();
    const abort = new AbortController();
    const reconnect = { forMs: 60_000, input: () => ({}) };
    const channel = await caller.channel('users', 'quiet', {}, { signal: abort.signal, reconnect });
    const sent = endOf(channel.send('x'));
    abort.abort();
    assert.deepEqual(await sent, { code: 'CANCELLED', executed: 'unknown' });
    await assert.rejects(read(channel, 1), hasCode('CANCELLED'));
    await channel.close();
    await until(() => left.length === 1);
    assert.ok(hasCode('CANCELLED', { executed: 'unknown' })(left[0]));
    await assert.rejects(
      caller.channel('users', 'quiet', {}, { signal: abort.signal }),
      hasCode('CANCELLED'),
    );

    const away = await caller.channel('users', 'quiet', {}, { reconnect });
    world.unlist({ service: 'users', slot: 1 });
    await responder.close();
    const waiting = endOf(away.send('y'));
    // One may have come before the loss.
    const reading = read(away, 2);
    away.cancel();
    assert.deepEqual(await waiting, { code: 'CANCELLED', executed: 'no' });
    await assert.rejects(reading, hasCode('CANCELLED'));
  });

  test(`${driver}: silence ends it, for who waits for a message`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ silenceMs: 60, channels: { stuck: reader(never) } });
    const channel = await world.caller().channel('users', 'stuck', {});
    await assert.rejects(read(channel, 1), hasCode('STREAM_SILENT'));
    const patient = await world.caller().channel('users', 'stuck', {}, { silenceMs: Infinity });
    patient.cancel();
  });

  test(`${driver}: whoever takes an action for what it is not hears what it is`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({
      actions: { plain: () => 1 },
      streams: { stream: async (_input, stream) => (stream.begin(false), await stream.send(1)) },
      channels: { echo },
    });
    const caller = world.caller();
    const says = (text: RegExp) => (error: Error) =>
      hasCode('INVALID_INPUT')(error) && text.test(error.message);
    const isChannel = says(/echo is a channel: open it with \.open\(\)/);
    await assert.rejects(caller.call('users', 'echo', {}), isChannel);
    await assert.rejects(caller.stream('users', 'echo', {}).result, isChannel);
    await assert.rejects(
      caller.channel('users', 'plain', {}),
      says(/plain is no stream: call it as a function/),
    );
    await assert.rejects(caller.channel('users', 'stream', {}), says(/stream is a stream: ask for it/));
    await assert.rejects(caller.channel('users', 'nobody', {}), hasCode('UNKNOWN_ACTION'));
    assert.equal(caller.stats().inFlight, 0);
  });
}
