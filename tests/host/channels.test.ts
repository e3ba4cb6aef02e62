/** Channels as users write them: what is checked, where an error shows, what another run of the handler is given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { Client } from '../../src/define/client.ts';
import { checkService } from '../../src/define/check-service.ts';
import { contract, implement } from '../../src/define/contract.ts';
import { makeManifest } from '../../src/define/manifest.ts';
import { defineService, remote } from '../../src/define/service.ts';
import type { ServiceDefinition } from '../../src/define/service.ts';
import type { Host } from '../../src/host/host.ts';
import { gate, hasCode, until } from '../mesh/mesh-world.ts';
import { HostWorld } from './host-world.ts';

const Command = z.object({ n: z.int(), role: z.string().default('none') });
const Notice = z.object({ done: z.int() });

/** What its runs have seen. */
const seen: unknown[] = [];
const slow = { isAsked: gate(), hasEnded: gate(), mayAnswer: gate() };

const worker = defineService({
  name: 'worker',
  actions: (action) => ({
    commands: action.channel({
      input: z.object({ after: z.int().default(0) }),
      receives: Command,
      sends: Notice,
      async run({ channel, input, requestId, metadata }) {
        seen.push({ input, requestId, metadata });
        for await (const command of channel) {
          seen.push(command);
          await channel.send({ done: command.n, secret: 'x' } as { done: number });
        }
      },
    }),
    stubborn: action.channel({
      receives: Command,
      sends: Notice,
      async run({ channel }) {
        // However often it tries: what ended the channel is how it ended.
        for (let time = 0; time < 3; time += 1)
          try {
            for await (const command of channel) seen.push(command.n);
          } catch {
            seen.push('caught');
          }
      },
    }),
    wrong: action.channel({
      receives: z.string(),
      sends: Notice,
      run: async ({ channel }) => {
        await channel.send({ done: 'no number' } as unknown as { done: number });
      },
    }),
    checked: action.channel({
      receives: z.string().refine(async () => {
        slow.isAsked.open();
        await slow.mayAnswer.opened;
        return true;
      }),
      sends: z.string(),
      async run({ channel, signal }) {
        signal.addEventListener('abort', slow.hasEnded.open);
        for await (const message of channel) seen.push(message);
      },
    }),
  }),
});

type Calls = Client<NonNullable<(typeof worker)['types']>>;

/** Calls `worker` with the typed client, as a handler would. */
async function withClient(
  use: (
    calls: Calls,
    about: { readonly first: Host; readonly requestId: string; readonly world: HostWorld },
  ) => Promise<void>,
): Promise<void> {
  await using world = new HostWorld();
  seen.length = 0;
  // Told by the test, and not as the bug of a handler.
  let failure: unknown;
  const first = await world.host(worker);
  await world.host(
    defineService({
      name: 'user',
      needs: { worker: remote<typeof worker>('worker') },
      actions: (action) => ({
        go: action({
          run: async ({ calls, requestId }) => {
            await use(calls.worker, { world, first, requestId }).catch((error: unknown) => (failure = error));
          },
        }),
      }),
    }),
  );
  await world.caller().call('user', 'go', {}, { metadata: { origin: 'test' }, deadlineMs: 60_000 });
  if (failure !== undefined) throw failure as Error;
}

test('messages are checked and cut to their schemas, both ways, and the input as that of a call', () =>
  withClient(async ({ commands }, { requestId }) => {
    await assert.rejects(commands.open({ after: 'x' } as never), hasCode('INVALID_INPUT'));
    await using channel = await commands.open();
    const sent = channel.send({ n: 7, secret: 'x' } as { n: number });
    for await (const notice of channel) {
      assert.deepEqual(notice, { done: 7 });
      break;
    }
    await sent;
    const metadata = { origin: 'test' };
    assert.deepEqual(seen, [
      { input: { after: 0 }, requestId, metadata },
      { n: 7, role: 'none' },
    ]);
  }));

test('a message that is not what was declared is not taken: it ends the channel, however the handler takes that', () =>
  withClient(async ({ stubborn, wrong }) => {
    const channel = await stubborn.open();
    await channel.send({ n: 1 });
    const isNamed = (error: Error): boolean =>
      hasCode('INVALID_INPUT', { executed: 'no' })(error) && /^messages\.1\.n: /.test(error.message);
    await assert.rejects(channel.send({ n: 'two' } as never), isNamed);
    await assert.rejects(Array.fromAsync(channel), hasCode('INVALID_INPUT'));
    assert.deepEqual(seen, [1, 'caught', 'caught', 'caught']);
    await assert.rejects(Array.fromAsync(await wrong.open()), hasCode('INVALID_OUTPUT'));
  }));

test('a message that is still held against its schema when the channel ends is not taken', () =>
  withClient(async ({ checked }, { first }) => {
    const channel = await checked.open({});
    const sent = channel.send('x');
    await slow.isAsked.opened;
    channel.cancel();
    await assert.rejects(sent, hasCode('CANCELLED', { executed: 'unknown' }));
    await slow.hasEnded.opened;
    slow.mayAnswer.open();
    await until(() => first.responder.stats().inFlight === 0);
    assert.deepEqual(seen, []);
  }));

test('another run is part of the same request, and begins with what it is given', () =>
  withClient(async ({ commands }, { world, first, requestId }) => {
    const channel = await commands.open(
      { after: 1 },
      { reconnect: { forMs: 60_000, input: () => ({ after: 2 }) } },
    );
    await world.host(worker, { slot: 2 });
    world.mesh.unlist({ service: 'worker', slot: 1 });
    await first.close();
    const reading = channel[Symbol.asyncIterator]().next();
    await channel.send({ n: 3 }, { deadlineMs: 60_000 });
    assert.deepEqual((await reading).value, { done: 3 });
    const about = { requestId, metadata: { origin: 'test' } };
    assert.deepEqual(seen, [
      { input: { after: 1 }, ...about },
      { input: { after: 2 }, ...about },
      { n: 3, role: 'none' },
    ]);
    await channel.close();
  }));

test('a channel of a contract is one too, and its messages are in the manifest', async () => {
  const promised = contract({
    name: 'promised',
    actions: { talk: { input: z.object({}), receives: z.string(), sends: z.int() } },
  });
  const kept = implement(promised, {
    actions: {
      async talk({ channel }) {
        for await (const text of channel) await channel.send(text.length);
      },
    },
  });
  await using world = new HostWorld();
  await world.host(kept);
  const channel = await world.caller().channel('promised', 'talk', {});
  const reading = channel[Symbol.asyncIterator]().next();
  await channel.send('four');
  assert.equal((await reading).value, 4);
  channel.cancel();
  const { talk } = makeManifest(kept).manifest.actions;
  assert.equal(talk?.channel?.receives['type'], 'string');
  assert.equal(talk.channel.sends['type'], 'integer');
  assert.equal(talk.stream, undefined);
});

test('a definition that is wrong is told at once, each line with its fix', () => {
  const problems = (action: object): string[] =>
    checkService(
      defineService({
        name: 'x',
        actions: () => ({ a: { isChannel: true, run: () => undefined, ...action } }),
      }) as ServiceDefinition,
    ).map(({ path, message }) => `${path}: ${message}`);
  const both = { receives: Command, sends: Notice };
  assert.deepEqual(problems(both), []);
  assert.deepEqual(problems({}), [
    'actions.a.receives: expected a schema of what it is sent, got undefined',
    'actions.a.sends: expected a schema of what it sends, got undefined',
  ]);
  assert.deepEqual(problems({ ...both, http: 'GET /a' }), [
    'actions.a.http: a channel has no route; over HTTP take a two-way stream',
  ]);
  assert.match(problems({ ...both, silenceMs: 0 })[0] ?? '', /silenceMs: expected a whole number/);
  assert.match(problems({ ...both, recieves: Command })[0] ?? '', /receives/);
});
