import { defineService, remote } from 'tutti';
import { z } from 'zod';
import { Teller } from '../lib/events.ts';
import type hearer from './events-hearer.ts';

const teller = new Teller();
let told = 0;

export default defineService({
  name: 'teller',
  needs: { hearer: remote<typeof hearer>('hearer') },
  actions: (action) => ({
    tell: action({
      input: z.object({ count: z.int() }),
      async run({ input: { count }, calls, emit }) {
        const began = performance.now();
        told += count;
        // As long as the call that asked for it; what it says is heard when all is told.
        const heard = calls.hearer.until({ total: told }, { deadlineMs: 60_000 });
        heard.catch(() => undefined);
        await teller.tell(count, (event) => emit('told', event, { key: event.key }));
        await heard;
        return performance.now() - began;
      },
    }),
  }),
});
