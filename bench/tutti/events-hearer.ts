import { defineService } from 'tutti';
import { z } from 'zod';
import { Hearer } from '../lib/events.ts';

const hearer = new Hearer();
const Told = z.object({ key: z.string(), number: z.int(), text: z.string() });

export default defineService({
  name: 'hearer',
  actions: (action) => ({
    until: action({ input: z.object({ total: z.int() }), run: ({ input }) => hearer.until(input.total) }),
  }),
  events: (on) => ({
    // What comes out of order is given up at once, and then the rest is never all.
    told: on.durable({ attempts: 1, concurrency: 100 }, Told, ({ event }) => {
      hearer.hear(event);
    }),
  }),
});
