import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InstanceState, SlotState } from '../../src/core/instance-state.ts';
import { newSlot } from '../../src/core/instance-state.ts';
import type { Roll } from '../../src/core/rolling.ts';
import { chooseSlots, newRoll, nextRollStep } from '../../src/core/rolling.ts';

const living: readonly InstanceState[] = ['starting', 'ready', 'unready', 'draining', 'stopping'];

const slot = (number: number, state: InstanceState, change: Partial<SlotState> = {}): SlotState => ({
  ...newSlot('users', number),
  ...{ state, epoch: 1, reason: state, spawnedAt: living.includes(state) ? 0 : null },
  ...change,
});
const limits = { now: 1_000, limitMs: 40_000 };
const rollOf = (old: SlotState[]): Roll => newRoll('users', 'by hand', old);

describe('A roll', () => {
  test('begins with one more, in the lowest number that is free', () => {
    const old = [slot(1, 'ready'), slot(2, 'ready')];
    const step = nextRollStep(rollOf(old), old, limits);
    assert.deepEqual(step, {
      do: 'add',
      slot: 3,
      roll: { ...rollOf(old), newcomer: 3, since: 1_000 },
    });
  });

  test('lets the old one drain only when the new one is ready', () => {
    const old = [slot(1, 'ready'), slot(2, 'ready')];
    const roll = { ...rollOf(old), newcomer: 3, since: 1_000 };
    for (const state of ['pending', 'starting', 'unready'] as const)
      assert.deepEqual(nextRollStep(roll, [...old, slot(3, state)], limits), { do: 'wait' }, state);
    const step = nextRollStep(roll, [...old, slot(3, 'ready')], limits);
    assert.ok(step.do === 'stop');
    assert.deepEqual([step.slot, step.reason], [1, 'replaced by users#3: by hand']);
    assert.deepEqual(step.roll, { ...roll, left: ['2@1'], newcomer: null, leaving: 1, replaced: 1 });
  });

  test('waits until the old one is gone before the next one comes', () => {
    const roll = { ...rollOf([slot(2, 'ready')]), leaving: 1, replaced: 1 };
    const others = [slot(2, 'ready'), slot(3, 'ready')];
    assert.equal(nextRollStep(roll, [slot(1, 'draining'), ...others], limits).do, 'wait');
    const step = nextRollStep(roll, [slot(1, 'stopped'), ...others], limits);
    assert.deepEqual([step.do, step.do === 'add' && step.slot], ['add', 4]);
    assert.deepEqual(nextRollStep(roll, others, limits).do === 'add', true, 'whose number is free again');
  });

  test('is done when nobody of the old ones is left, and counts one that ended by itself as new', () => {
    const roll = rollOf([slot(1, 'ready'), slot(2, 'ready')]);
    assert.equal(nextRollStep(roll, [slot(1, 'ready', { epoch: 2 }), slot(2, 'stopped')], limits).do, 'done');
  });

  test('sends the newcomer away again when there is nobody to relieve any more', () => {
    const roll = { ...rollOf([slot(1, 'ready')]), newcomer: 2, since: 0 };
    const step = nextRollStep(roll, [slot(1, 'ready', { epoch: 2 }), slot(2, 'ready')], limits);
    assert.ok(step.do === 'stop');
    assert.deepEqual([step.slot, step.roll.replaced, step.roll.leaving], [2, 0, 2]);
  });

  for (const [what, newcomer, says] of [
    ['failed once', slot(2, 'pending', { failures: 1, reason: 'exited with code 1' }), 'exited with code 1'],
    ['waits to be started again', slot(2, 'backoff', { failures: 2, reason: 'it threw' }), 'it threw'],
    ['was given up', slot(2, 'failed', { reason: 'code 78' }), 'code 78'],
    ['is being stopped', slot(2, 'draining', { reason: 'scaled to 1' }), 'scaled to 1'],
    ['was stopped', slot(2, 'stopped', { reason: 'scaled to 1' }), 'scaled to 1'],
  ] as const)
    test(`is undone, and the old ones stay, when the newcomer ${what}`, () => {
      const roll = { ...rollOf([slot(1, 'ready')]), newcomer: 2, since: 0 };
      const step = nextRollStep(roll, [slot(1, 'ready'), newcomer], limits);
      assert.deepEqual(step, { do: 'undo', slot: 2, reason: says });
    });

  test('is undone when the newcomer was taken away, or is not ready in time', () => {
    const roll = { ...rollOf([slot(1, 'ready')]), newcomer: 2, since: 0 };
    assert.deepEqual(nextRollStep(roll, [slot(1, 'ready')], limits), {
      ...{ do: 'undo', slot: null, reason: 'it was taken away' },
    });
    const waiting = [slot(1, 'ready'), slot(2, 'pending', { reason: 'waits for mail' })];
    assert.equal(nextRollStep(roll, waiting, { ...limits, now: 39_999 }).do, 'wait');
    const step = nextRollStep(roll, waiting, { ...limits, now: 40_000 });
    assert.deepEqual(step.do === 'undo' && step.reason, 'it was not ready within 40 s (waits for mail)');
  });
});

describe('Which slots shall run', () => {
  for (const [what, slots, count, chosen] of [
    ['none yet: from 1', [], 2, [1, 2]],
    ['as they are', [slot(1, 'ready'), slot(2, 'ready')], 2, [1, 2]],
    ['after a roll they keep their numbers', [slot(2, 'ready'), slot(3, 'ready')], 2, [2, 3]],
    ['more: numbers that are free', [slot(2, 'ready')], 3, [1, 2, 3]],
    ['fewer: the highest go', [slot(1, 'ready'), slot(2, 'ready'), slot(3, 'ready')], 1, [1]],
    ['those alive before those that wait', [slot(1, 'backoff'), slot(2, 'ready')], 1, [2]],
    ['those that wait before those that end', [slot(1, 'draining'), slot(2, 'backoff')], 1, [2]],
    ['one that ends before a new number', [slot(1, 'ready'), slot(2, 'draining')], 2, [1, 2]],
    ['nobody', [slot(1, 'ready')], 0, []],
  ] as const)
    test(what, () => {
      assert.deepEqual(chooseSlots(slots, count), chosen);
    });
});
