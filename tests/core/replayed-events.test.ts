import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayedEvents } from '../../src/core/replayed-events.ts';

const durable = new Map([
  ['mailer', ['order.placed', 'order.paid']],
  ['audit', ['order.placed']],
  ['orders', []],
]);

test('all that a service subscribes to durably, or the one that was named', () => {
  assert.deepEqual(replayedEvents(durable, 'mailer', undefined), ['order.placed', 'order.paid']);
  assert.deepEqual(replayedEvents(durable, 'mailer', 'order.paid'), ['order.paid']);
});

test('what there is not is refused with what there is', () => {
  const refusals: [receiver: string, event: string | undefined, durable: typeof durable, message: string][] =
    [
      [
        'mailr',
        undefined,
        durable,
        'There is no service mailr; services with durable subscriptions: mailer, audit',
      ],
      [
        ...(['orders', undefined, durable] as const),
        'orders has no durable subscription; services with durable subscriptions: mailer, audit',
      ],
      [
        ...(['mailer', 'order.payed', durable] as const),
        'mailer has no durable subscription to order.payed; it has them to: order.placed, order.paid',
      ],
      ['x', undefined, new Map(), 'There is no service x; services with durable subscriptions: none'],
    ];
  for (const [receiver, event, known, message] of refusals)
    assert.throws(() => replayedEvents(known, receiver, event), { code: 'NOT_FOUND', message });
});
