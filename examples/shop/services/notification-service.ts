/**
 * NotificationService: tells people. Sending means here: it is recorded, and counted for the whole app. Of orders it hears also when it was not there as
 * they were placed: they are kept for it.
 */
import { defineService } from 'tutti';
import { z } from 'zod';
import { NotificationStore } from '../database/notification-store.ts';
import type { Notification } from '../database/notification-store.ts';
import { enveloped } from './envelope.ts';
import { Id, text } from './fields.ts';

const Sent = z.object({ message: z.string(), user_id: Id });
/** What it wants to know of an order; OrderService may tell more. */
const OrderCreated = z.object({ id: Id, user_id: Id, product: z.string(), quantity: z.int() });

const sentences = {
  email: 'Email notification sent',
  sms: 'Sms notification sent',
  push: 'Push notification sent',
} as const;

export default defineService({
  name: 'NotificationService',
  config: z.strictObject({ database: z.string() }),
  async open({ config, log, shared }) {
    const store = await NotificationStore.open(config.database, log);
    // Shared by all processes of the app; the death of any of them loses nothing.
    const sent = shared.counter('notifications_sent');
    const send = async (notification: Notification, eventId?: string): Promise<void> => {
      if (await store.insert(notification, eventId)) sent.add(1);
    };
    return { store, sent, send };
  },
  actions: (action) => ({
    send_notification: action({
      http: enveloped('POST /notifications', Sent),
      summary: 'Tell a user something',
      input: z.strictObject({
        user_id: Id,
        message: text(4_000),
        type: z.enum(['email', 'sms', 'push']).default('email'),
      }),
      output: Sent,
      async run({ input, parts }) {
        await parts.send(input);
        return { message: sentences[input.type], user_id: input.user_id };
      },
    }),
    get_stats: action({
      output: z.object({ notifications_sent: z.int() }),
      idempotent: true,
      run: ({ parts }) => ({ notifications_sent: parts.sent.value }),
    }),
  }),
  events: (on) => ({
    'order.created': on.durable({ attempts: 10 }, OrderCreated, async ({ event, parts, idempotencyKey }) => {
      const message = `Order ${String(event.id)}: ${String(event.quantity)} x ${event.product}`;
      // The id of the event, the same each time it comes: who dies between this and the word that it is done is asked again.
      await parts.send({ user_id: event.user_id, message, type: 'email' }, idempotencyKey);
    }),
  }),
  check: ({ parts }) => parts.store.ping(),
  close: ({ parts }) => parts.store.close(),
});
