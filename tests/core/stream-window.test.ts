import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bounds } from '../../src/core/bounds.ts';
import { ReceiveWindow, SendWindow } from '../../src/core/stream-window.ts';

const window = bounds.streamWindowBytes;
const isRefused = (error: Error): boolean => (error as { code?: string }).code === 'PROTOCOL_ERROR';

test('a sender may send what was granted, and not a byte more', () => {
  const sender = new SendWindow(100);
  assert.ok(sender.has(100));
  sender.sent(60);
  assert.ok(sender.has(40));
  assert.ok(!sender.has(41));
  sender.granted(10);
  assert.ok(sender.has(50));
});

test('a receiver takes what it granted, and refuses a byte more', () => {
  const receiver = new ReceiveWindow(0);
  assert.throws(() => {
    receiver.received(1);
  }, isRefused);
  assert.equal(receiver.grant(100), 100);
  receiver.received(100);
  assert.throws(() => {
    receiver.received(1);
  }, isRefused);
});

test('credit beyond a window is refused: nobody can have consumed so much', () => {
  const sender = new SendWindow(window);
  sender.sent(10);
  sender.granted(10);
  assert.throws(() => {
    sender.granted(1);
  }, isRefused);
});

test('whatever the sizes and whoever is slower: no more than a window is held, nobody waits for ever, nobody is refused', () => {
  const sizes = fc.array(fc.integer({ min: 48, max: bounds.streamItemBytes }), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(sizes, fc.array(fc.boolean(), { minLength: 1, maxLength: 50 }), (items, turns) => {
      const sender = new SendWindow(window);
      const receiver = new ReceiveWindow(window);
      const waiting = [...items];
      const held: number[] = [];
      for (let turn = 0; waiting.length > 0 || held.length > 0; turn += 1) {
        const next = waiting[0];
        const maySend = next !== undefined && sender.has(next);
        assert.ok(maySend || held.length > 0, 'the sender waits for a receiver that has nothing to consume');
        if (maySend && (turns[turn % turns.length] === true || held.length === 0)) {
          waiting.shift();
          sender.sent(next);
          receiver.received(next);
          held.push(next);
        } else {
          const grant = receiver.consumed(held.shift() ?? 0);
          if (grant > 0) {
            sender.granted(grant);
          }
        }
        assert.ok(held.reduce((sum, bytes) => sum + bytes, 0) <= window);
      }
    }),
  );
});
