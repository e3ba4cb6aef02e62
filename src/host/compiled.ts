/**
 * zod's compiled form of a schema: the same verdicts and values in a fifth of the time. Used for schemas that are used often,
 * since to make one takes half a millisecond.
 */
import type { ZodType } from 'zod';
import type { Schema } from '../define/schema.ts';

type Validate = Schema['~standard']['validate'];

/** Undefined for a schema of another library, or of another copy of zod than ours: its insides may differ. */
export async function compiled(schema: Schema): Promise<Validate | undefined> {
  if (schema['~standard'].vendor !== 'zod') return undefined;
  // Loaded already, or it would be another copy.
  const zod = await import('zod');
  const { _zod: inside } = schema as { readonly _zod?: { readonly constr?: unknown } };
  if (!Object.values<unknown>(zod).includes(inside?.constr)) return undefined;
  return zod.compile(schema as unknown as ZodType)['~standard'].validate;
}
