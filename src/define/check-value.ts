/**
 * What is wrong with one value of a definition: a list each, so that checks can be joined.
 */
import type { Problem } from '../core/options.ts';
import { shown } from '../core/options.ts';
import { isSchema } from './schema.ts';

export const wrong = (path: string, expected: string, value: unknown): Problem[] => [
  { path, message: `expected ${expected}, got ${shown(value)}` },
];

export const optionalFunction = (path: string, value: unknown): Problem[] =>
  value === undefined || typeof value === 'function' ? [] : wrong(path, 'a function', value);

export const optionalSchema = (path: string, value: unknown): Problem[] =>
  value === undefined || isSchema(value)
    ? []
    : wrong(path, 'a schema (zod or another Standard Schema)', value);

export const optionalBoolean = (path: string, value: unknown): Problem[] =>
  value === undefined || typeof value === 'boolean' ? [] : wrong(path, 'true or false', value);

export const isWhole = (value: unknown, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
