import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bounds } from '../../src/core/bounds.ts';
import { decideReopen, InFlight, isLoss, lossesInARow, notTaken, wasTaken } from '../../src/core/channel.ts';
import { TuttiError } from '../../src/core/errors.ts';

const window = bounds.streamWindowBytes;
const isRefused = (error: Error): boolean => (error as { code?: string }).code === 'PROTOCOL_ERROR';
const message = (bytes: number): { bytes: number } => ({ bytes });

test('the first grant of a side that had no credit opens its window, and is no receipt', () => {
  const inFlight = new InFlight(0);
  assert.ok(!inFlight.has(48) && !inFlight.isOpen);
  assert.deepEqual(inFlight.granted(window), []);
  assert.ok(inFlight.has(48) && inFlight.isOpen);
});

test('a receipt is of the oldest messages, whole ones; anything else is refused', () => {
  const sizes = [50, 60, 70];
  const sent = (): InFlight<{ bytes: number }> => {
    const inFlight = new InFlight<{ bytes: number }>(window);
    for (const bytes of sizes) inFlight.sent(message(bytes));
    return inFlight;
  };
  assert.deepEqual(sent().granted(110), [message(50), message(60)]);
  for (const lie of [49, 51, 60, 109, 181, window]) {
    assert.throws(() => sent().granted(lie), isRefused, String(lie));
  }
  // Twice.
  const inFlight = sent();
  inFlight.granted(50);
  assert.throws(() => inFlight.granted(50), isRefused);
  assert.throws(() => new InFlight(window).granted(48), isRefused);
});

test('whatever is sent, taken and lost in whatever order: each message ends once, in order, and no more than a window is in flight', () => {
  const step = fc.oneof(
    fc.record({
      does: fc.constant('send' as const),
      bytes: fc.integer({ min: 48, max: bounds.streamItemBytes }),
    }),
    fc.record({ does: fc.constant('take' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ does: fc.constant('lose' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let inFlight = new InFlight<{ bytes: number; n: number }>(window);
      let held: { bytes: number; n: number }[] = [];
      let sent = 0;
      const ended: number[] = [];
      for (const next of steps) {
        if (next.does === 'send' && inFlight.has(next.bytes)) {
          const one = { bytes: next.bytes, n: (sent += 1) };
          inFlight.sent(one);
          held.push(one);
        } else if (next.does === 'take') {
          const taken = held.splice(0, next.count);
          const granted = inFlight.granted(taken.reduce((sum, { bytes }) => sum + bytes, 0));
          assert.deepEqual(granted, taken);
          ended.push(...granted.map(({ n }) => n));
        } else if (next.does === 'lose') {
          ended.push(...inFlight.lost().map(({ n }) => n));
          assert.deepEqual(inFlight.lost(), []);
          inFlight = new InFlight(window);
          held = [];
        }
        assert.ok(held.reduce((sum, { bytes }) => sum + bytes, 0) <= window);
      }
      ended.push(...inFlight.lost().map(({ n }) => n));
      assert.deepEqual(
        ended,
        Array.from({ length: sent }, (_hole, at) => at + 1),
      );
    }),
  );
});

test('the last word of the other side comes after its receipts, of a broken connection nothing is known', () => {
  const lost = new TuttiError('INSTANCE_LOST', { instance: 'users#1@1', executed: 'unknown' });
  const said = new TuttiError('STOPPING', { instance: 'users#1@1' }, { from: 'users.work' });
  assert.equal(wasTaken(lost), 'unknown');
  assert.equal(wasTaken(said), 'no');
  const told = notTaken(said, 'no');
  assert.equal(told.message, said.message);
  const { code, data, retryable, http, cause } = told;
  assert.deepEqual(
    { code, instance: data['instance'], executed: data['executed'], retryable, http, cause },
    { code: 'STOPPING', instance: 'users#1@1', executed: 'no', retryable: true, http: 503, cause: said },
  );
});

test('a loss is the death or the stop of its own instance, and of no other', () => {
  const from = 'users.work';
  assert.ok(isLoss(new TuttiError('INSTANCE_LOST')));
  assert.ok(isLoss(new TuttiError('STOPPING', {}, { from })));
  for (const other of [
    new TuttiError('INSTANCE_LOST', {}, { from }),
    new TuttiError('STREAM_SILENT'),
    new TuttiError('CANCELLED'),
    new TuttiError('CALL_TIMED_OUT'),
    new TuttiError('CONFLICT', {}, { from }),
  ])
    assert.ok(!isLoss(other), other.code);
});

test('the first try is at once, the next ones wait twice as long up to a bound; after its time, or without one, it is given up', () => {
  const random = (): number => 0.5;
  const waits = [1, 2, 3, 4, 5, 6].map((failures) =>
    decideReopen({ failures, now: 0, until: 10_000 }, random),
  );
  assert.deepEqual(waits, [0, 250, 500, 1_000, bounds.channelRestMs, bounds.channelRestMs]);
  assert.equal(decideReopen({ failures: 4, now: 9_001, until: 10_000 }, random), undefined);
  assert.equal(decideReopen({ failures: 4, now: 9_000, until: 10_000 }, random), 1_000);
  assert.equal(decideReopen({ failures: 1, now: 0, until: NaN }, random), undefined);
});

test('a channel that was open for a while has lost for the first time again; one that dies at once has not', () => {
  assert.equal(lossesInARow(0, 5), 1);
  assert.equal(lossesInARow(3, 999), 4);
  assert.equal(lossesInARow(3, 1_000), 1);
});
