import { defineService } from 'tutti';
import { z } from 'zod';
import { user } from '../lib/peer.ts';

export default defineService({
  name: 'users',
  actions: (action) => ({
    get: action({
      http: 'GET /users/:id',
      input: z.object({ id: z.int().positive() }),
      output: z.object({ id: z.int(), username: z.string(), email: z.string() }),
      run: ({ input }) => ({ ...user, id: input.id }),
    }),
  }),
});
