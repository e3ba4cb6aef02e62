import { defineService } from 'tutti';
import { z } from 'zod';

export default defineService({
  name: 'who',
  actions: (action) => ({
    pid: action({
      http: 'GET /',
      idempotent: true,
      input: z.object({}),
      output: z.object({ pid: z.int() }),
      run: () => ({ pid: process.pid }),
    }),
  }),
});
