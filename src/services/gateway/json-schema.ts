/**
 * Reads JSON Schemas as far as a gateway must: which names an object may have, and which kinds of values each. Pure.
 * It checks no value: the callee does.
 */
import { isPlainObject } from '../../core/options.ts';
import type { JsonSchema } from '../../define/schema.ts';

/** References in a cycle end here. */
const deepest = 16;

/** The schema itself, and all that it is made of by `$ref`, `allOf`, `anyOf` and `oneOf`. */
function alternatives(schema: unknown, root: JsonSchema, depth = 0): JsonSchema[] {
  if (!isPlainObject(schema) || depth > deepest) return [];
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((key) =>
    Array.isArray(schema[key]) ? (schema[key] as unknown[]) : [],
  );
  if (typeof schema['$ref'] === 'string') parts.push(resolve(schema['$ref'], root));
  return [schema, ...parts.flatMap((part) => alternatives(part, root, depth + 1))];
}

/** `#` and `#/$defs/Name`: what schema libraries write. */
function resolve(reference: string, root: JsonSchema): unknown {
  let at: unknown = root;
  for (const step of reference.replace(/^#\/?/, '').split('/')) {
    if (step !== '') at = isPlainObject(at) ? at[step] : undefined;
  }
  return at;
}

/** By name, all schemas that some alternative of an object gives it. */
export function propertiesOf(schema: JsonSchema): Map<string, JsonSchema[]> {
  const properties = new Map<string, JsonSchema[]>();
  for (const part of alternatives(schema, schema)) {
    if (!isPlainObject(part['properties'])) continue;
    for (const [name, property] of Object.entries(part['properties'])) {
      properties.set(name, [...(properties.get(name) ?? []), ...alternatives(property, schema)]);
    }
  }
  return properties;
}

/** Names that every request has to give. */
export const requiredOf = (schema: JsonSchema): ReadonlySet<string> =>
  new Set(Array.isArray(schema['required']) ? schema['required'].map(String) : []);

/** `string`, `integer` …; empty when anything goes. */
export function typesOf(schemas: readonly JsonSchema[]): Set<string> {
  const types = schemas.flatMap(({ type }) =>
    Array.isArray(type) ? type.map(String) : typeof type === 'string' ? [type] : [],
  );
  return new Set(types);
}

export const itemsOf = (schemas: readonly JsonSchema[], root: JsonSchema): JsonSchema[] =>
  schemas.flatMap(({ items }) => alternatives(items, root));
