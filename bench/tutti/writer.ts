import { defineService } from 'tutti';
import { z } from 'zod';
import { logLines } from '../lib/log-lines.ts';

export default defineService({
  name: 'writer',
  actions: (action) => ({
    write: action({
      input: z.object({ round: z.int(), lines: z.int() }),
      output: z.object({ beganMs: z.number(), endedMs: z.number() }),
      run: ({ input, log }) =>
        logLines((sentence, fields) => {
          log.info(sentence, fields);
        }, input),
    }),
  }),
});
