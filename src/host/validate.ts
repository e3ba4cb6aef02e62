/**
 * Holds a value against a schema on the hot path: synchronous schemas cost no promise.
 */
import { compiled } from './compiled.ts';
import type { SchemaResult } from '../define/schema.ts';
import type { Schema } from '../define/schema.ts';

export type Validate = (value: unknown) => SchemaResult<unknown> | Promise<SchemaResult<unknown>>;

/** Uses after which a schema is worth compiling. */
const oftenUsed = 100;

export function validator(schema: Schema): Validate {
  let { validate } = schema['~standard'] as { validate: Validate };
  let uses = 0;
  return (value) => {
    uses += 1;
    if (uses === oftenUsed)
      void compiled(schema).then((quicker) => {
        validate = quicker ?? validate;
      });
    return validate(value);
  };
}

/** Without `input` an action takes nothing; saying so beats ignoring what a caller meant. */
export const nothing: Validate = (value) => {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  const isNothing = value === undefined || value === null || (typeof value === 'object' && keys.length === 0);
  return isNothing
    ? { value: {} }
    : { issues: [{ message: 'This action takes no input', path: keys.slice(0, 1) }] };
};

/** Not only promises: a query builder gives something with a `then` too. */
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** Calls `next` with the result now or later, as it is given. */
export function afterwards<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  if (value instanceof Promise) return value.then(next);
  return isThenable(value) ? Promise.resolve(value as PromiseLike<T>).then(next) : next(value);
}
