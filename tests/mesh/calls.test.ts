import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../../src/core/errors.ts';
import { bounds } from '../../src/core/bounds.ts';
import { currentContext } from '../../src/mesh/context.ts';
import type { CallContext } from '../../src/mesh/context.ts';
import type { IncomingCall } from '../../src/mesh/served-call.ts';
import { frameKinds } from '../../src/mesh/frames.ts';
import { helloText } from '../../src/mesh/hello.ts';
import { systemClock } from '../../src/os/clock.ts';
import { bytesOf } from './rogue.ts';
import { drivers, gate, hasCode, MeshWorld, until } from './mesh-world.ts';

const echo = (input: unknown): unknown => input;

for (const [driver, open] of Object.entries(drivers)) {
  test(`${driver}: an answer comes back, from a promise and from a value`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ actions: { echo, later: (input) => Promise.resolve(input) } });
    const caller = world.caller();
    for (const action of ['echo', 'later']) {
      for (const input of [{ id: 1, name: 'Ünï 🎵' }, [1, null, 'x'], 'text', 0, false, null]) {
        assert.deepEqual(await caller.call('users', action, input), input);
      }
    }
    assert.equal(await caller.call('users', 'echo', undefined), null);
    assert.deepEqual(await caller.call('users', 'echo', new Uint8Array([0, 255])), Buffer.from([0, 255]));
  });

  test(`${driver}: many calls at once each get their own answer, and a large one gets all of it`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ actions: { echo: (input) => Promise.resolve(input) }, concurrency: 10 });
    const caller = world.caller();
    const numbers = Array.from({ length: 500 }, (_hole, index) => index);
    assert.deepEqual(
      await Promise.all(numbers.map((number) => caller.call('users', 'echo', number))),
      numbers,
    );
    const large = 'é'.repeat(1_500_000);
    assert.equal(await caller.call('users', 'echo', large), large);
    assert.equal(caller.stats().inFlight, 0);
  });

  test(`${driver}: for HTTP the answer is JSON bytes, and the callee knows what is asked`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ actions: { look: (_input, call) => ({ http: call.http }) } });
    const caller = world.caller();
    assert.equal((await caller.callForHttp('users', 'look', {})).toString(), '{"http":true}');
    assert.deepEqual(await caller.call('users', 'look', {}), { http: false });
  });

  test(`${driver}: an error keeps its code and data, a bug becomes INTERNAL and is told here`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({
      actions: {
        missing: () => Promise.reject(new TuttiError('NOT_FOUND', { what: 'User 7' })),
        bug: () => {
          throw new TypeError('secret detail');
        },
      },
    });
    const caller = world.caller();
    await assert.rejects(caller.call('users', 'missing', {}), hasCode('NOT_FOUND', { what: 'User 7' }));
    await assert.rejects(caller.call('users', 'bug', {}), (error: Error) => {
      assert.ok(hasCode('INTERNAL')(error));
      assert.ok(!error.message.includes('secret'));
      return true;
    });
    const line = world.lines.find(({ sentence }) => sentence === 'An action failed');
    assert.ok(line?.fields['error'] instanceof TypeError);
    await assert.rejects(
      caller.call('users', 'nothing', {}),
      hasCode('UNKNOWN_ACTION', { action: 'users.nothing' }),
    );
    await assert.rejects(caller.call('nobody', 'x', {}), hasCode('NO_INSTANCE', { service: 'nobody' }));
  });

  test(`${driver}: an answer that cannot be written costs its own call only`, async () => {
    await using world = new MeshWorld(open());
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    await world.serve({
      actions: {
        echo,
        cycle: () => cycle,
        bigint: () => 1n,
        badError: () => Promise.reject(new TuttiError('CONFLICT', { what: 'x', cycle })),
        long: () => 'x'.repeat(bounds.frameBytes),
      },
    });
    const caller = world.caller();
    const good = caller.call('users', 'echo', 1);
    await assert.rejects(caller.call('users', 'cycle', {}), hasCode('INTERNAL'));
    await assert.rejects(caller.call('users', 'bigint', {}), hasCode('INTERNAL'));
    await assert.rejects(caller.call('users', 'badError', {}), hasCode('CONFLICT'));
    await assert.rejects(caller.call('users', 'long', {}), hasCode('PAYLOAD_TOO_LARGE'));
    await assert.rejects(caller.call('users', 'echo', 1n), hasCode('INVALID_INPUT'));
    await assert.rejects(
      caller.call('users', 'echo', 'x'.repeat(bounds.frameBytes)),
      hasCode('PAYLOAD_TOO_LARGE'),
    );
    assert.equal(await good, 1);
    assert.equal(await caller.call('users', 'echo', 2), 2);
  });

  test(`${driver}: the deadline travels, and a nested call gets no more than what is left`, async () => {
    await using world = new MeshWorld(open());
    const seen: CallContext[] = [];
    const note = (): void => {
      const context = currentContext();
      if (context !== undefined) seen.push(context);
    };
    await world.serve({ service: 'inner', actions: { note } });
    const nested = world.caller({ service: 'users', mayCall: ['inner'] });
    await world.serve({
      actions: {
        outer: async () => {
          note();
          await nested.call('inner', 'note', {}, { deadlineMs: 60_000 });
        },
      },
    });
    const before = systemClock.now();
    await world.caller().call('users', 'outer', {}, { deadlineMs: 4_000, metadata: { tenant: 'a' } });
    const [outer, inner] = seen;
    assert.ok(outer !== undefined && inner !== undefined);
    assert.ok(outer.deadline >= before + 4_000 && outer.deadline <= systemClock.now() + 4_000);
    assert.equal(inner.deadline, outer.deadline);
    assert.equal(inner.requestId, outer.requestId);
    assert.equal(inner.trace.traceId, outer.trace.traceId);
    assert.deepEqual(inner.metadata, { tenant: 'a' });
    assert.deepEqual([outer.caller, inner.caller], ['orders#1@1', 'users#1@1']);
  });

  test(`${driver}: a request id in the form of a trace id is the trace id, any other travels beside one`, async () => {
    await using world = new MeshWorld(open());
    const seen: CallContext[] = [];
    await world.serve({
      actions: {
        note: () => {
          const context = currentContext();
          if (context !== undefined) seen.push(context);
        },
      },
    });
    for (const requestId of ['0123456789abcdef'.repeat(2), 'order-7'])
      await world.caller().call('users', 'note', {}, { context: { requestId } });
    const [traced, plain] = seen;
    assert.ok(traced !== undefined && plain !== undefined);
    assert.equal(traced.requestId, '0123456789abcdef'.repeat(2));
    assert.equal(traced.trace.traceId, traced.requestId);
    assert.equal(plain.requestId, 'order-7');
    assert.match(plain.trace.traceId, /^[0-9a-f]{32}$/);
  });

  test(`${driver}: a call without answer times out soon after its deadline, tells the callee, and a late answer is dropped`, async () => {
    await using world = new MeshWorld(open());
    const answering = gate();
    const aborted = gate();
    await world.serve({
      actions: {
        slow: async (_input, call) => {
          call.signal.addEventListener('abort', aborted.open);
          await answering.opened;
          return 'late';
        },
        echo,
      },
    });
    const caller = world.caller();
    await caller.call('users', 'echo', 1);
    const before = performance.now();
    const error = hasCode('CALL_TIMED_OUT', { service: 'users', action: 'users.slow', afterMs: 60 });
    await assert.rejects(caller.call('users', 'slow', {}, { deadlineMs: 60 }), error);
    const tookMs = performance.now() - before;
    assert.ok(tookMs >= 59, `settled after ${String(tookMs)} ms, before its deadline`);
    await aborted.opened;
    answering.open();
    await until(() => caller.stats().lateAnswers === 1 || caller.stats().inFlight === 0);
    assert.equal(caller.stats().timeouts, 1);
    await assert.rejects(caller.call('users', 'echo', 1, { deadlineMs: 0 }), hasCode('CALL_TIMED_OUT'));
    await assert.rejects(caller.call('users', 'echo', 1, { deadlineMs: NaN }), hasCode('CALL_TIMED_OUT'));
  });

  test(`${driver}: taking a call back is CANCELLED at once and aborts the signal of the handler`, async () => {
    await using world = new MeshWorld(open());
    const started = gate();
    const ended = gate();
    let reason: unknown;
    await world.serve({
      actions: {
        wait: async (_input, call: IncomingCall) => {
          started.open();
          await new Promise((resolve) => {
            call.signal.addEventListener('abort', resolve);
          });
          reason = call.signal.reason;
          ended.open();
        },
      },
    });
    const caller = world.caller();
    const abort = new AbortController();
    const call = caller.call('users', 'wait', {}, { signal: abort.signal });
    await started.opened;
    abort.abort();
    await assert.rejects(call, hasCode('CANCELLED'));
    await ended.opened;
    assert.ok(hasCode('CANCELLED')(reason));
    await assert.rejects(caller.call('users', 'wait', {}, { signal: abort.signal }), hasCode('CANCELLED'));
    assert.equal(caller.stats().inFlight, 0);
  });

  test(`${driver}: beyond what runs and waits a call is OVERLOADED at once, a cancelled one leaves the queue`, async () => {
    await using world = new MeshWorld(open());
    const release = gate();
    const responder = await world.serve({ actions: { hold: () => release.opened }, concurrency: 2 });
    const caller = world.caller();
    const abort = new AbortController();
    const cancelled = caller.call('users', 'hold', {}, { signal: abort.signal });
    const held = Array.from({ length: 1 + bounds.actionQueue }, () => caller.call('users', 'hold', {}));
    await until(() => responder.stats().queued === bounds.actionQueue);
    await assert.rejects(caller.call('users', 'hold', {}), hasCode('OVERLOADED', { what: 'users.hold' }));
    abort.abort();
    await assert.rejects(cancelled, hasCode('CANCELLED'));
    release.open();
    const results = await Promise.allSettled(held);
    assert.ok(results.every(({ status }) => status === 'fulfilled'));
    const { inFlight, queued, rejected, requests } = responder.stats();
    assert.deepEqual(
      { inFlight, queued, rejected, requests },
      { inFlight: 0, queued: 0, rejected: 1, requests: 1_003 },
    );
  });

  test(`${driver}: a call that waits longer than a second for its turn is OVERLOADED and never runs`, async () => {
    await using world = new MeshWorld(open());
    const release = gate();
    let runs = 0;
    await world.serve({
      concurrency: 1,
      actions: {
        hold: () => {
          runs += 1;
          return release.opened;
        },
      },
    });
    const caller = world.caller();
    const first = caller.call('users', 'hold', {});
    await assert.rejects(caller.call('users', 'hold', {}), hasCode('OVERLOADED'));
    release.open();
    await first;
    assert.equal(runs, 1);
  });

  test(`${driver}: work whose deadline passed while it waited is not started`, async () => {
    await using world = new MeshWorld(open());
    const release = gate();
    const runs: unknown[] = [];
    const responder = await world.serve({
      concurrency: 1,
      actions: {
        hold: (input) => {
          runs.push(input);
          return release.opened;
        },
      },
    });
    const caller = world.caller();
    const first = caller.call('users', 'hold', 1);
    const second = caller.call('users', 'hold', 2, { deadlineMs: 30 });
    await assert.rejects(second, hasCode('CALL_TIMED_OUT'));
    release.open();
    await first;
    assert.deepEqual(runs, [1]);
    assert.equal(responder.stats().queued, 0);
  });

  test(`${driver}: draining sends new calls elsewhere, finishes those in hand, and loses none`, async () => {
    await using world = new MeshWorld(open());
    const release = gate();
    const first = await world.serve({
      slot: 1,
      actions: { work: () => release.opened.then(() => 1), where: () => 1 },
    });
    const caller = world.caller();
    const inHand = caller.call('users', 'work', {});
    await until(() => first.stats().inFlight === 1);
    await world.serve({ slot: 2, actions: { work: () => 2, where: () => 2 } });
    let isDrained = false;
    const drained = first.drain().then(() => {
      isDrained = true;
    });
    // In the same turn: the caller does not know yet, some go to the one that drains and are sent on.
    const answers = await Promise.all(Array.from({ length: 40 }, () => caller.call('users', 'where', {})));
    assert.ok(answers.every((answer) => answer === 2));
    assert.equal(isDrained, false);
    release.open();
    assert.equal(await inHand, 1);
    await drained;
    await first.close();
    assert.equal(await caller.call('users', 'where', {}), 2);
    assert.equal(caller.stats().failures, 0);
  });

  test(`${driver}: the last instance that drains leaves NO_INSTANCE or STOPPING, never a hang`, async () => {
    await using world = new MeshWorld(open());
    const responder = await world.serve({ actions: { echo } });
    const caller = world.caller();
    await caller.call('users', 'echo', 1);
    assert.equal(await responder.drain(), true);
    await assert.rejects(
      caller.call('users', 'echo', 1),
      (error) => hasCode('STOPPING')(error) || hasCode('NO_INSTANCE')(error),
    );
    await until(() => caller.stats().inFlight === 0);
    await assert.rejects(caller.call('users', 'echo', 1), hasCode('NO_INSTANCE'));
  });

  test(`${driver}: a drain that is given up says so`, async () => {
    await using world = new MeshWorld(open());
    const responder = await world.serve({ actions: { never: () => new Promise(() => undefined) } });
    const call = world.caller().call('users', 'never', {});
    await until(() => responder.stats().inFlight === 1);
    assert.equal(await responder.drain(AbortSignal.timeout(20)), false);
    const isLost = assert.rejects(
      call,
      hasCode('INSTANCE_LOST', { instance: 'users#1@1', executed: 'unknown' }),
    );
    await responder.close();
    await isLost;
  });

  test(`${driver}: a lost instance fails what is not idempotent at once, and what is goes to another`, async () => {
    await using world = new MeshWorld(open());
    const never = (): Promise<never> => new Promise(() => undefined);
    const lost = await world.serve({ slot: 1, idempotent: true, actions: { get: never } });
    const caller = world.caller();
    const call = caller.call('users', 'get', {});
    await until(() => lost.stats().inFlight === 1);
    await world.serve({ slot: 2, idempotent: true, actions: { get: () => 'from 2' } });
    await lost.close();
    assert.equal(await call, 'from 2');
    assert.equal(caller.stats().retries, 1);

    const third = await world.serve({ service: 'mail', slot: 1, actions: { send: never } });
    await world.serve({ service: 'mail', slot: 2, actions: { send: never } });
    const mailer = world.caller({ mayCall: ['mail'] });
    world.unlist({ service: 'mail', slot: 2 });
    const sent = mailer.call('mail', 'send', {});
    await until(() => third.stats().inFlight === 1);
    const isLost = assert.rejects(
      sent,
      hasCode('INSTANCE_LOST', { instance: 'mail#1@1', executed: 'unknown' }),
    );
    await third.close();
    await isLost;
    assert.equal(mailer.stats().retries, 0);
  });

  test(`${driver}: a new epoch in the slot is proof that the old one is gone`, async () => {
    await using world = new MeshWorld(open());
    const old = await world.serve({ epoch: 1, actions: { get: () => new Promise(() => undefined) } });
    const caller = world.caller();
    const call = caller.call('users', 'get', {});
    await until(() => old.stats().inFlight === 1);
    await world.serve({ epoch: 2, actions: { get: () => 'new' } });
    await assert.rejects(call, hasCode('INSTANCE_LOST', { instance: 'users#1@1' }));
    assert.equal(await caller.call('users', 'get', {}), 'new');
  });

  test(`${driver}: an instance that is listed and not there is passed over for any action`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ slot: 1, actions: { echo } });
    world.list({
      service: 'users',
      slot: 2,
      epoch: 1,
      address: world.address({ service: 'nobody', slot: 2 }),
    });
    const caller = world.caller();
    for (let index = 0; index < 20; index += 1) await caller.call('users', 'echo', index);
    world.unlist({ service: 'users', slot: 1 });
    await assert.rejects(caller.call('users', 'echo', 1), hasCode('CONNECTION_REFUSED', { executed: 'no' }));
  });

  test(`${driver}: what was on its way to one that stops is answered elsewhere, also what may not be repeated`, async () => {
    await using world = new MeshWorld(open());
    const stopping = await world.serve({ slot: 1, actions: { echo } });
    await world.serve({ slot: 2, actions: { echo } });
    const caller = world.caller();
    for (const slot of [1, 2]) await caller.call('users', 'echo', 0, { slot });
    const calls = Array.from({ length: 100 }, (_hole, index) => caller.call('users', 'echo', index));
    assert.equal(await stopping.drain(), true);
    await stopping.close();
    assert.deepEqual(
      await Promise.all(calls),
      calls.map((_call, index) => index),
    );
  });

  test(`${driver}: a caller with nothing to wait for lets go at once`, async () => {
    await using world = new MeshWorld(open());
    const stopping = await world.serve({ actions: { echo } });
    await world.caller().call('users', 'echo', 0);
    const began = performance.now();
    assert.equal(await stopping.drain(), true);
    // Otherwise it takes the second after which nobody is waited for.
    assert.ok(performance.now() - began < 900);
  });

  test(`${driver}: a caller that does not let go holds nobody up for long`, async () => {
    await using world = new MeshWorld(open());
    const stopping = await world.serve({ actions: { echo } });
    const rogue = await world.transport.connect(world.address({ service: 'users', slot: 1 }), 1_000);
    rogue.onData(() => undefined);
    rogue.write(
      bytesOf(frameKinds.hello, 0, {
        body: helloText(world.certificate({ service: 'orders', slot: 1, epoch: 1 }, ['users'])),
      }),
    );
    const caller = world.caller();
    await caller.call('users', 'echo', 0);
    assert.equal(await stopping.drain(), true);
    await stopping.close();
  });

  test(`${driver}: what waits on one connection stays what it was while others are written to`, async () => {
    await using world = new MeshWorld(open());
    await world.serve({ slot: 1, actions: { echo } });
    await world.serve({ slot: 2, actions: { echo } });
    const caller = world.caller();
    // More than a socket takes at once, in frames that are sent together with others.
    const calls = Array.from({ length: 600 }, async (_hole, index) => {
      const input = { index, text: String.fromCharCode(97 + (index % 26)).repeat(9_000) };
      assert.deepEqual(await caller.call('users', 'echo', input, { slot: 1 + (index % 2) }), input);
    });
    await Promise.all(calls);
  });

  test(`${driver}: the one with less to do gets more calls`, async () => {
    await using world = new MeshWorld(open());
    const release = gate();
    const served = [0, 0];
    const work = (slot: number) => async (): Promise<void> => {
      served[slot] = (served[slot] ?? 0) + 1;
      if (slot === 0) await release.opened;
    };
    await world.serve({ slot: 1, actions: { work: work(0) } });
    await world.serve({ slot: 2, actions: { work: work(1) } });
    const caller = world.caller();
    const calls: Promise<unknown>[] = [];
    for (let index = 0; index < 50; index += 1) {
      const call = caller.call('users', 'work', {});
      calls.push(call);
      await Promise.race([call, until(() => caller.stats().inFlight > (served[0] ?? 0))]);
      await until(() => caller.stats().inFlight <= (served[0] ?? 0));
    }
    assert.ok((served[1] ?? 0) > 40, `the idle one got ${String(served[1])} of 50`);
    release.open();
    await Promise.all(calls);
  });
}

test('closing a caller takes its calls back and refuses new ones', async () => {
  await using world = new MeshWorld();
  await world.serve({ actions: { never: () => new Promise(() => undefined) } });
  const caller = world.caller();
  const call = caller.call('users', 'never', {});
  const closing = caller.close();
  await assert.rejects(call, hasCode('CANCELLED'));
  await closing;
  await caller.close();
  await assert.rejects(caller.call('users', 'never', {}), hasCode('CANCELLED'));
});
