import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bounds } from '../../src/core/bounds.ts';
import { LockTable } from '../../src/core/lock-table.ts';
import type { Lease, LockGrant } from '../../src/core/lock-table.ts';

const ttlMs = 1_000;
const asker = (holder: string, id = 1): { holder: string; id: number; ttlMs: number } => ({
  holder,
  id,
  ttlMs,
});

function makeTable(): LockTable {
  let fence = 0;
  return new LockTable(() => (fence += 1));
}

const granted = (answer: LockGrant | 'waits' | 'full' | undefined): Lease => {
  assert.ok(typeof answer === 'object');
  return answer.lease;
};

test('one holds it, the others get it in the order in which they asked', () => {
  const table = makeTable();
  const first = granted(table.ask('nightly', asker('a#1@1'), 0));
  assert.deepEqual(first, { name: 'nightly', holder: 'a#1@1', fence: 1, ttlMs, expiresAt: 1_000 });
  assert.equal(table.ask('nightly', asker('b#1@1'), 1), 'waits');
  assert.equal(table.ask('nightly', asker('c#1@1'), 2), 'waits');
  assert.equal(granted(table.ask('other', asker('c#1@1'), 2)).fence, 2);
  assert.equal(granted(table.release('nightly', first, 10)).holder, 'b#1@1');
  assert.equal(table.release('nightly', first, 11), undefined, 'twice');
  assert.equal(table.holderOf('nightly'), 'b#1@1');
});

test('a lease that is not renewed is given on, and whoever had it cannot renew or release it any more', () => {
  const table = makeTable();
  const first = granted(table.ask('nightly', asker('a#1@1'), 0));
  table.ask('nightly', asker('b#1@1'), 0);
  assert.equal(table.renew('nightly', first, 900)?.expiresAt, 1_900);
  assert.deepEqual(table.expire(1_899).freed, []);
  const { freed, grants } = table.expire(1_900);
  assert.deepEqual(
    freed.map(({ holder }) => holder),
    ['a#1@1'],
  );
  assert.deepEqual(
    grants.map(({ lease }) => [lease.holder, lease.fence, lease.expiresAt]),
    [['b#1@1', 2, 2_900]],
  );
  assert.equal(table.renew('nightly', first, 1_901), undefined);
  assert.equal(table.release('nightly', first, 1_901), undefined);
  assert.equal(table.holderOf('nightly'), 'b#1@1');
});

test('with its process goes what it holds and what it waits for', () => {
  const table = makeTable();
  table.ask('x', asker('a#1@1'), 0);
  table.ask('y', asker('b#1@1'), 0);
  table.ask('x', asker('c#1@1'), 0);
  table.ask('y', asker('a#1@1'), 0);
  const { freed, grants } = table.gone('a#1@1', 5);
  assert.deepEqual(
    freed.map(({ name }) => name),
    ['x'],
  );
  assert.deepEqual(
    grants.map(({ lease }) => [lease.name, lease.holder]),
    [['x', 'c#1@1']],
  );
  assert.equal(table.gone('b#1@1', 6).grants.length, 0);
  assert.equal(table.holderOf('y'), undefined);
});

test('who does not wait any more is passed over', () => {
  const table = makeTable();
  const first = granted(table.ask('x', asker('a#1@1'), 0));
  table.ask('x', asker('b#1@1', 7), 0);
  table.ask('x', asker('b#1@1', 8), 0);
  table.withdraw('x', { holder: 'b#1@1', id: 7 });
  assert.equal(table.release('x', first, 1)?.id, 8);
});

test('locks and those who wait are bounded', () => {
  const table = makeTable();
  for (let n = 0; n < bounds.locks; n += 1) table.ask(`lock.n${String(n)}`, asker('a#1@1'), 0);
  assert.equal(table.ask('one.more', asker('a#1@1'), 0), 'full');
  for (let n = 0; n < bounds.lockWaiters; n += 1)
    assert.equal(table.ask('lock.n0', asker('b#1@1', n), 0), 'waits');
  assert.equal(table.ask('lock.n1', asker('b#1@1'), 0), 'full');
});

test('without a number nothing is given and nothing is lost', () => {
  let isDiskFull = true;
  const table = new LockTable(() => {
    if (isDiskFull) throw new Error('ENOSPC');
    return 1;
  });
  assert.throws(() => table.ask('x', asker('a#1@1'), 0), /ENOSPC/);
  assert.equal(table.holderOf('x'), undefined);
  isDiskFull = false;
  const lease = granted(table.ask('x', asker('a#1@1'), 0));
  table.ask('x', asker('b#1@1'), 0);
  isDiskFull = true;
  assert.throws(() => table.release('x', lease, 1), /ENOSPC/);
  isDiskFull = false;
  assert.equal(table.release('x', lease, 2)?.lease.holder, 'b#1@1', 'who waits waits still');
});

test('whatever is done: one holder, numbers that grow, and nobody who waits where nobody holds', () => {
  const deed = fc.record({
    does: fc.constantFrom('ask', 'release', 'renew', 'gone', 'expire', 'withdraw'),
    who: fc.constantFrom('a#1@1', 'b#1@1', 'c#1@1'),
    name: fc.constantFrom('x', 'y'),
    afterMs: fc.nat(700),
  });
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 100 }), (deeds) => {
      const table = makeTable();
      const held = new Map<string, Lease>();
      let now = 0;
      let lastFence = 0;
      const give = ({ lease }: LockGrant): void => {
        assert.ok(!held.has(lease.name), `two holders of ${lease.name}`);
        assert.ok(lease.fence > lastFence);
        lastFence = lease.fence;
        held.set(lease.name, lease);
      };
      for (const [id, { does, who, name, afterMs }] of deeds.entries()) {
        now += afterMs;
        const mine = held.get(name);
        if (does === 'ask') {
          const answer = table.ask(name, asker(who, id), now);
          if (typeof answer === 'object') give(answer);
          else assert.ok(held.has(name), 'waits for nobody');
        } else if (does === 'release' && mine !== undefined) {
          held.delete(name);
          const next = table.release(name, mine, now);
          if (next !== undefined) give(next);
        } else if (does === 'renew' && mine !== undefined) {
          const renewed = table.renew(name, mine, now);
          if (renewed !== undefined) held.set(name, renewed);
        } else if (does === 'withdraw') table.withdraw(name, { holder: who, id: id - 1 });
        else if (does === 'gone' || does === 'expire') {
          const { freed, grants } = does === 'gone' ? table.gone(who, now) : table.expire(now);
          for (const lease of freed) held.delete(lease.name);
          for (const grant of grants) give(grant);
        }
        for (const lease of table.leases()) assert.equal(held.get(lease.name)?.fence, lease.fence);
        assert.equal(table.leases().length, held.size);
      }
    }),
  );
});
