import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gate, hasCode, MeshWorld, until as untilSo } from './mesh-world.ts';
import type { LogLine } from './mesh-world.ts';

/** A line that is never written is a failure with a name, not a wait for the end of the run. */
const until = (isSo: () => boolean): Promise<void> => {
  const limit = AbortSignal.timeout(20_000);
  return untilSo(() => {
    limit.throwIfAborted();
    return isSo();
  });
};

const late = ({ lines }: MeshWorld): LogLine[] =>
  lines.filter(({ sentence }) => sentence === 'A handler ran past its deadline');

test('a handler that runs past its deadline is told by name while it runs, and not again at its end', async () => {
  await using world = new MeshWorld();
  const { opened, open } = gate();
  let started = 0;
  let ended = 0;
  const slow = async (): Promise<void> => {
    started += 1;
    await opened;
    ended += 1;
  };
  await world.serve({ actions: { slow } });
  const caller = world.caller();
  // On a loaded machine a call may come too late to be started at all.
  while (started === 0)
    await assert.rejects(caller.call('users', 'slow', {}, { deadlineMs: 100 }), hasCode('CALL_TIMED_OUT'));
  await until(() => late(world).length > 0);
  assert.equal(ended, 0);
  open();
  await until(() => ended === started);
  const [line, ...more] = late(world);
  assert.equal(line?.level, 'warn');
  assert.equal(line.fields['action'], 'users.slow');
  assert.ok(Number(line.fields['lateMs']) > 0);
  assert.deepEqual(more, []);
});

test('one is told while it runs, though another has ended before it', async () => {
  await using world = new MeshWorld();
  const first = gate();
  const second = gate();
  let started = 0;
  const actions = {
    quick: () => first.opened,
    slow: () => {
      started += 1;
      return second.opened;
    },
  };
  await world.serve({ actions });
  const caller = world.caller();
  const quick = caller.call('users', 'quick', {});
  while (started === 0) await Promise.allSettled([caller.call('users', 'slow', {}, { deadlineMs: 100 })]);
  first.open();
  await quick;
  await until(() => late(world).length > 0);
  assert.equal(late(world)[0]?.fields['action'], 'users.slow');
  second.open();
});

test('one that blocked the loop beyond it is told when it ends, by name too', async () => {
  await using world = new MeshWorld();
  const blocks = (): void => {
    const end = performance.now() + 60;
    while (performance.now() < end);
  };
  await world.serve({ actions: { blocks, quick: () => 1 } });
  const caller = world.caller();
  while (late(world).length === 0)
    await Promise.allSettled(
      Array.from({ length: 5 }, () => caller.call('users', 'blocks', {}, { deadlineMs: 50 })),
    );
  await caller.call('users', 'quick', {});
  assert.deepEqual(
    late(world).map(({ fields }) => fields['action']),
    ['users.blocks'],
  );
});

test('of an action of which every call is late one line is written, not one for each', async () => {
  await using world = new MeshWorld();
  const { opened, open } = gate();
  let started = 0;
  let ended = 0;
  const slow = async (): Promise<void> => {
    started += 1;
    await opened;
    ended += 1;
  };
  await world.serve({ actions: { slow } });
  const caller = world.caller();
  while (started < 5) await Promise.allSettled([caller.call('users', 'slow', {}, { deadlineMs: 100 })]);
  await until(() => late(world).length > 0);
  open();
  await until(() => ended === started);
  assert.equal(late(world).length, 1);
});
