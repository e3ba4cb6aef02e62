/** What the supervisor says of a stream that an operator reads: a line for each item, then one for how it ended. */
import type { WireError } from './errors.ts';

export type StreamLine =
  { readonly item: unknown } | { readonly output: unknown } | { readonly error: WireError };
