/**
 * OrderService: an order that was acknowledged is stored, exactly once. It asks UserService who may order, and announces `order.created`, which is kept for
 * whoever wants to hear of it later. An order stands also when it could not be announced.
 */
import { defineService, remote } from 'tutti';
import { z } from 'zod';
import type { NewOrder, Order as StoredOrder } from '../database/order-store.ts';
import { OrderStore } from '../database/order-store.ts';
import { Bell } from './bell.ts';
import { enveloped } from './envelope.ts';
import { Id, text } from './fields.ts';
import { noLongerThan } from './no-longer-than.ts';
import { pageOf, PageInput, pageRequest } from './page.ts';
import type users from './user-service.ts';

const OrderInput = z.strictObject({ user_id: Id, product: text(200), quantity: z.int().min(1).default(1) });
const Order = z.object({
  id: Id,
  user_id: Id,
  product: z.string(),
  quantity: z.int(),
  status: z.literal('created'),
});
const Created = z.object({ message: z.string(), order: Order });
const Found = z.object({ order: Order });
const Listed = z.object({ orders: z.array(Order), count: z.int(), next_cursor: z.string().optional() });

/** For the store to take the news of an order; a new owner of it is there in less. */
const announceMs = 2_000;

const isFor = (order: StoredOrder, asked: NewOrder): boolean =>
  order.user_id === asked.user_id && order.product === asked.product && order.quantity === asked.quantity;

export default defineService({
  name: 'OrderService',
  config: z.strictObject({ database: z.string() }),
  needs: { users: remote<typeof users>('UserService') },
  emits: { 'order.created': Order },
  open: async ({ config, log }) => ({
    orders: await OrderStore.open(config.database, log),
    /** Rings when any replica has placed an order. */
    bell: new Bell(),
  }),
  actions: (action) => ({
    create_order: action({
      http: enveloped('POST /orders', Created, 201),
      summary: 'Place an order; the same Idempotency-Key never places a second one',
      input: OrderInput,
      output: Created,
      async run({ input, parts, calls, emit, fail, log, idempotencyKey }) {
        const answer = (order: StoredOrder) => ({ message: 'Order created successfully', order });
        const placedBefore = async () => {
          const order =
            idempotencyKey === undefined ? undefined : await parts.orders.findByKey(idempotencyKey);
          if (order !== undefined && !isFor(order, input))
            fail('CONFLICT', { message: 'This Idempotency-Key was used for another order' });
          return order;
        };

        // First, so that whoever asks again is answered even when UserService is down.
        const earlier = await placedBefore();
        if (earlier !== undefined) return answer(earlier);

        const { valid } = await calls.users.validate_user({ user_id: input.user_id });
        if (!valid) fail('NOT_FOUND', { what: `User ${String(input.user_id)}` });

        const order = await parts.orders.insert(input, idempotencyKey);
        // Another request with this key was quicker.
        if (order === undefined) return answer((await placedBefore()) ?? fail('INTERNAL'));
        // A user hears of his orders one after the other.
        const key = `user ${String(order.user_id)}`;
        const announced = emit('order.created', order, { key }).then(
          () => undefined,
          (error: unknown) => {
            log.warn('An order could not be announced', { order: order.id, error: String(error) });
          },
        );
        // It stands: whoever placed it is answered in time, also while the store hangs.
        await noLongerThan(announceMs, announced);
        return answer(order);
      },
    }),
    get_order: action({
      http: enveloped('GET /orders/:id', Found),
      summary: 'One order',
      input: z.strictObject({ id: Id }),
      output: Found,
      idempotent: true,
      async run({ input, parts, fail }) {
        const order = await parts.orders.find(input.id);
        return order === undefined ? fail('NOT_FOUND', { what: `Order ${String(input.id)}` }) : { order };
      },
    }),
    list_orders: action({
      http: enveloped('GET /orders', Listed),
      summary: 'All orders, page by page',
      input: PageInput,
      output: Listed,
      idempotent: true,
      async run({ input, parts }) {
        const { rows, ...page } = pageOf(await parts.orders.list(pageRequest(input)), input.limit);
        return { orders: rows, ...page };
      },
    }),
    watch_orders: action.stream({
      http: { route: 'GET /orders/stream', eventId: ({ id }) => id, resume: 'after' },
      summary: 'Orders as they are placed: those after the id `after`, or from now on',
      input: z.strictObject({ after: z.int().min(0).optional() }),
      yields: Order,
      silenceMs: Infinity,
      async *run({ input, parts: { orders, bell }, signal }) {
        let after = input.after ?? (await orders.newestId());
        while (!signal.aborted) {
          const placed = await orders.list({ after, limit: 100 });
          for (const order of placed) {
            yield order;
            after = order.id;
          }
          // What was announced while nobody listened is found a little later.
          if (placed.length === 0) await bell.wait(signal, 1_000);
        }
      },
    }),
  }),
  events: (on) => ({
    'order.created': on.broadcast(Order, ({ parts }) => {
      parts.bell.ring();
    }),
  }),
  check: ({ parts }) => parts.orders.ping(),
  close: ({ parts }) => parts.orders.close(),
});
