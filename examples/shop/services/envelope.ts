/**
 * The shop's shape for answers: `{status:"success", ...output, request_id}`. Used by every action with a route.
 * Made in the instance by `reply`, so that the gateway holds no code of the shop.
 */
import { z } from 'zod';

/** The `http` of an action whose output is `output`. */
export const enveloped = (route: string, output: z.ZodObject, status = 200) => ({
  route,
  status,
  body: z.object({ status: z.literal('success'), ...output.shape, request_id: z.string() }),
  reply: (answer: object, { requestId }: { readonly requestId: string }) => ({
    status: 'success',
    ...answer,
    request_id: requestId,
  }),
});
