/**
 * InvoiceService: the invoice of an order, with a seal that takes a processor a while to make, and so long to forge. It runs in a pool: a
 * process makes one at a time, and whoever asks for an order meanwhile does not wait for it.
 */
import { scryptSync } from 'node:crypto';
import { defineService, remote } from 'tutti';
import { z } from 'zod';
import { Id } from './fields.ts';
import type orders from './order-service.ts';

/** 32 MiB and some 60 ms: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt */
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_024 * 1_024 };

const seal = (text: string, secret: string): string =>
  scryptSync(text, secret, 24, cost).toString('base64url');

interface InvoiceLines {
  readonly id: number;
  readonly user_id: number;
  readonly product: string;
  readonly quantity: number;
}

const linesOf = ({ id, user_id, product, quantity }: InvoiceLines): string =>
  [
    `INVOICE ${String(id)}`,
    '',
    `Customer  ${String(user_id)}`,
    `Product   ${product}`,
    `Quantity  ${String(quantity)}`,
    '',
  ].join('\n');

export default defineService({
  name: 'InvoiceService',
  config: z.strictObject({ secret: z.string().min(8) }),
  needs: { orders: remote<typeof orders>('OrderService') },
  open: ({ config }) => config,
  actions: (action) => ({
    get_invoice: action({
      http: { route: 'GET /orders/:id/invoice', contentType: 'text/plain; charset=utf-8' },
      summary: 'The invoice of an order, sealed',
      input: z.strictObject({ id: Id }),
      output: z.string(),
      idempotent: true,
      async run({ input, calls, parts }) {
        const { order } = await calls.orders.get_order(input);
        const text = linesOf(order);
        return `${text}\nSeal      ${seal(text, parts.secret)}\n`;
      },
    }),
  }),
});
