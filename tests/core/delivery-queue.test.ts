import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DeliveryQueue } from '../../src/core/delivery-queue.ts';
import type { QueuedDelivery } from '../../src/core/delivery-queue.ts';

const one = (seq: number, key: string | null = null, priority = 5): QueuedDelivery => ({
  seq,
  key,
  priority,
});
const seqs = (queue: DeliveryQueue<QueuedDelivery>, now = 0): number[] => {
  const taken: number[] = [];
  for (let next = queue.take(now); next !== undefined; next = queue.take(now)) taken.push(next.seq);
  return taken;
};

test('the urgent first, then the oldest', () => {
  const queue = new DeliveryQueue<QueuedDelivery>(10);
  for (const [seq, priority] of [5, 9, 0, 9, 5].entries()) queue.see(one(seq + 1, null, priority), 0);
  assert.deepEqual(seqs(queue), [2, 4, 1, 5, 3]);
});

test('of one key the next one waits for the one before', () => {
  const queue = new DeliveryQueue<QueuedDelivery>(10);
  const [first, second, other] = [one(1, 'a'), one(2, 'a', 9), one(3, 'b')];
  for (const each of [first, second, other]) queue.see(each, 0);
  assert.deepEqual(seqs(queue), [1, 3]);
  assert.equal(queue.done(other), undefined);
  assert.equal(queue.done(first), undefined);
  assert.deepEqual(seqs(queue), [2]);
  assert.equal(queue.done(second), undefined);
});

test('how many stand behind their keys is bounded: the rest is looked for in the store', () => {
  const queue = new DeliveryQueue<QueuedDelivery>(2);
  for (let seq = 1; seq <= 4; seq += 1) queue.see(one(seq, 'a'), 0);
  for (const seq of [1, 2]) {
    assert.deepEqual(seqs(queue), [seq]);
    assert.equal(queue.done(one(seq, 'a')), undefined);
  }
  assert.deepEqual(seqs(queue), [3]);
  assert.equal(queue.done(one(3, 'a')), 'a');
  queue.follow(one(4, 'a'), 0);
  assert.deepEqual(seqs(queue), [4]);
  // There may be more behind it: only the store knows.
  assert.equal(queue.done(one(4, 'a')), 'a');
  for (let seq = 5; seq <= 6; seq += 1) queue.see(one(seq, 'b'), 0);
  assert.deepEqual(seqs(queue), [5]);
  assert.equal(queue.done(one(5, 'b')), undefined);
  assert.deepEqual(seqs(queue), [6], 'there is room again');
});

test('one that waits holds up its key, and nobody else', () => {
  const queue = new DeliveryQueue<QueuedDelivery>(10);
  const poison = one(1, 'a');
  queue.see(poison, 0);
  assert.equal(queue.take(0), poison);
  queue.putBack(poison, 100);
  queue.see(one(2, 'a'), 0);
  queue.see(one(3, 'b'), 0);
  assert.equal(queue.nextAt, 0);
  assert.deepEqual(seqs(queue, 50), [3]);
  assert.equal(queue.nextAt, 100);
  assert.deepEqual(seqs(queue, 100), [1]);
});

test('what is held is bounded, and makes room when it is done', () => {
  const queue = new DeliveryQueue<QueuedDelivery>(2);
  const all = [one(1), one(2)];
  for (const each of all) {
    assert.ok(queue.hasRoom);
    queue.see(each, 0);
  }
  assert.ok(!queue.hasRoom);
  seqs(queue);
  assert.ok(!queue.hasRoom, 'under way is held too');
  queue.done(one(1));
  assert.ok(queue.hasRoom);
});

test('seen anew, what is held is not there twice', () => {
  const queue = new DeliveryQueue<QueuedDelivery>(10);
  queue.see(one(1), 0);
  queue.see(one(2, 'a'), 0);
  queue.seeAnew();
  assert.equal(queue.seen, 0);
  for (const each of [one(1), one(2, 'a')]) queue.see(each, 0);
  assert.deepEqual([seqs(queue), queue.seen], [[1, 2], 2]);
});

test('one that is owed again comes before those of its key that only waited, and before one that failed meanwhile', () => {
  const queue = new DeliveryQueue<QueuedDelivery>(10);
  const [old, late, later] = [one(1, 'a'), one(5, 'a'), one(6, 'b')];
  for (const each of [late, later]) queue.see(each, 0);
  queue.seeAnew();
  for (const each of [old, late, later]) queue.see(each, 0);
  assert.deepEqual(seqs(queue), [1, 6]);
  // The other way round: the newer one is under way.
  queue.seeAnew();
  queue.see(one(2, 'b'), 0);
  queue.see(later, 0);
  assert.equal(queue.putBack(later, 50), 'b', 'its key is to be looked for');
  queue.follow(one(2, 'b'), 0);
  assert.deepEqual(seqs(queue, 100), [2]);
});

test('one that fails before it was seen anew is seen with those of its key, in their order', () => {
  const queue = new DeliveryQueue<QueuedDelivery>(10);
  const late = one(5, 'a');
  queue.see(late, 0);
  assert.deepEqual(seqs(queue), [5]);
  queue.seeAnew();
  assert.equal(queue.putBack(late, 0), undefined);
  assert.deepEqual(seqs(queue), []);
  for (const each of [one(1, 'a'), late]) queue.see(each, 0);
  assert.deepEqual(seqs(queue), [1]);
});

/** The store, as simple as it can be: what is owed, in order. */
class Model {
  readonly owed: QueuedDelivery[] = [];
  readonly under = new Set<number>();
  readonly log: QueuedDelivery[] = [];
  readonly queue = new DeliveryQueue<QueuedDelivery>(4);
  now = 0;
  replayed = 0;

  look(): void {
    while (this.queue.hasRoom) {
      const next = this.owed.find(({ seq }) => seq > this.queue.seen);
      if (next === undefined) return;
      this.queue.see(next, this.now);
    }
  }

  take(): QueuedDelivery | undefined {
    this.look();
    const next = this.queue.take(this.now);
    if (next === undefined) return undefined;
    assert.ok(!this.under.has(next.seq), 'nothing is under way twice');
    const before = this.owed.find(({ key }) => key !== null && key === next.key);
    assert.ok(next.key === null || before?.seq === next.seq, 'the oldest of its key');
    this.under.add(next.seq);
    return next;
  }

  done(delivery: QueuedDelivery): void {
    this.under.delete(delivery.seq);
    this.owed.splice(this.owed.indexOf(delivery), 1);
    this.log.push(delivery);
    this.follow(this.queue.done(delivery));
  }

  fail(delivery: QueuedDelivery, afterMs: number): void {
    this.under.delete(delivery.seq);
    this.follow(this.queue.putBack(delivery, (this.now += 1) + afterMs));
  }

  /** What was done is owed once more. */
  replay(delivery: QueuedDelivery): void {
    if (this.owed.includes(delivery)) return;
    this.owed.push(delivery);
    this.owed.sort((left, right) => left.seq - right.seq);
    this.replayed += 1;
    this.queue.seeAnew();
  }

  follow(key: string | undefined): void {
    if (key === undefined) return;
    const next = this.owed.find((other) => other.key === key && other.seq <= this.queue.seen);
    if (next !== undefined) this.queue.follow(next, this.now);
  }
}

test('whatever comes, fails, ends and is replayed in whatever order: each once, the oldest of its key first, none is forgotten', () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant('emit' as const),
      key: fc.constantFrom(null, 'a', 'b'),
      priority: fc.nat(9),
    }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('anew' as const) }),
    fc.record({
      do: fc.constantFrom('done' as const, 'fail' as const, 'replay' as const),
      which: fc.nat(20),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const model = new Model();
      const under: QueuedDelivery[] = [];
      let seq = 0;
      for (const each of steps) {
        if (each.do === 'emit') model.owed.push(one((seq += 1), each.key, each.priority));
        else if (each.do === 'anew') model.queue.seeAnew();
        else if (each.do === 'take') under.push(...[model.take()].filter((next) => next !== undefined));
        else if (each.do === 'replay') {
          const done = model.log[each.which % Math.max(1, model.log.length)];
          if (done !== undefined) model.replay(done);
        } else {
          const [delivery] = under.splice(each.which % Math.max(1, under.length), 1);
          if (delivery === undefined) continue;
          if (each.do === 'done') model.done(delivery);
          else model.fail(delivery, each.which);
        }
      }
      model.now = Infinity;
      for (;;) {
        for (const delivery of under.splice(0)) model.done(delivery);
        const next = model.take();
        if (next === undefined) break;
        under.push(next);
      }
      assert.equal(model.log.length, seq + model.replayed);
      assert.equal(new Set(model.log).size, seq);
    }),
    { numRuns: 500 },
  );
});
