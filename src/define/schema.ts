/**
 * Schemas as Tutti sees them: any Standard Schema (zod 4 and its like) that can also give its JSON Schema.
 * Used by definitions for types, by the host for checks, by the manifest for JSON Schemas. Imports no schema library.
 */
import type { InputIssue } from '../core/errors.ts';

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
export type SchemaResult<O> =
  { readonly value: O; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

export type JsonSchema = Readonly<Record<string, unknown>>;

interface JsonSchemaOptions {
  readonly target: 'draft-2020-12';
  readonly libraryOptions?: Record<string, unknown>;
}

/** The part of https://standardschema.dev that we use. */
export interface Schema<I = unknown, O = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<O> | Promise<SchemaResult<O>>;
    readonly types?: { readonly input: I; readonly output: O } | undefined;
    readonly jsonSchema?: {
      readonly input: (options: JsonSchemaOptions) => Record<string, unknown>;
      readonly output: (options: JsonSchemaOptions) => Record<string, unknown>;
    };
  };
}

/** For what we made and checked ourselves: there is nothing left to check, and no schema library to load for it. */
export const trusted = <T>(): Schema<T, T> => ({
  '~standard': { version: 1, vendor: 'tutti', validate: (value) => ({ value: value as T }) },
});

export type In<S> = S extends Schema ? NonNullable<S['~standard']['types']>['input'] : undefined;
export type Out<S> = S extends Schema ? NonNullable<S['~standard']['types']>['output'] : undefined;

/** What a value is after a trip as JSON: a `Date` is a `string`, what JSON has no word for is gone. */
export type Jsonified<T> = T extends { toJSON(): infer J }
  ? Jsonified<J>
  : T extends string | number | boolean | null
    ? T
    : T extends Uint8Array
      ? T
      : T extends undefined | symbol | bigint | ((...args: never[]) => unknown)
        ? never
        : T extends readonly unknown[]
          ? {
              -readonly [K in keyof T]: undefined extends T[K]
                ? Jsonified<Exclude<T[K], undefined>> | null
                : Jsonified<T[K]>;
            }
          : T extends object
            ? {
                [K in keyof T as T[K] extends symbol | ((...args: never[]) => unknown) ? never : K]:
                  Jsonified<Exclude<T[K], undefined>> | (undefined extends T[K] ? undefined : never);
              }
            : unknown;

export const isSchema = (value: unknown): value is Schema =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value;

const keyOf = (part: PropertyKey | { readonly key: PropertyKey }): string =>
  String(typeof part === 'object' ? part.key : part);

export const inputIssues = (issues: readonly SchemaIssue[]): InputIssue[] =>
  issues
    .slice(0, 50)
    .map((issue) => ({ path: (issue.path ?? []).map(keyOf).join('.'), message: issue.message }));

/** What JSON cannot say is described as what it becomes: a Date as a date-time text, the rest as anything. */
const libraryOptions = {
  unrepresentable: 'any',
  override: (context: {
    zodSchema?: { _zod?: { def?: { type?: string } } };
    jsonSchema: Record<string, unknown>;
  }): void => {
    if (context.zodSchema?._zod?.def?.type === 'date')
      Object.assign(context.jsonSchema, { type: 'string', format: 'date-time' });
  },
};

/** @throws {Error} when the library cannot describe it; the caller knows where it stands. */
export function toJsonSchema(schema: Schema, side: 'input' | 'output'): JsonSchema {
  const converter = schema['~standard'].jsonSchema;
  if (converter === undefined)
    throw new Error(
      `${schema['~standard'].vendor} gives no JSON Schema; use zod 4.2 or newer, or another library that does`,
    );
  const json = converter[side]({ target: 'draft-2020-12', libraryOptions });
  delete json['$schema'];
  return json;
}
