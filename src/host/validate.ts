/**
 * Holds a value against a schema on the hot path: synchronous schemas cost no promise.
 */
import type { SchemaResult } from '../define/schema.ts';
import type { Schema } from '../define/schema.ts';

export type Validate = (value: unknown) => SchemaResult<unknown> | Promise<SchemaResult<unknown>>;

export function validator(schema: Schema): Validate {
  const { validate } = schema['~standard'];
  return (value) => validate(value);
}

/** Calls `next` with the result now or later, as the schema does it. */
export function afterwards<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
