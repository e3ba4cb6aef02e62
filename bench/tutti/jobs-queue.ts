import { defineQueue } from 'tutti';
import { z } from 'zod';

export const work = defineQueue('work', {
  input: z.object({ at: z.number(), text: z.string() }),
  // As the peer, which forgets none by itself.
  keep: { done: { count: 10_000_000 } },
});
