/**
 * Makes a JSON Schema fit into a larger document: its own definitions move to the document's components, and its references follow. Pure.
 */
import { isPlainObject } from '../../core/options.ts';
import type { JsonSchema } from '../../define/schema.ts';

export type Components = Record<string, JsonSchema>;

const reference = (name: string): string => `#/components/schemas/${name}`;

/** @param name unique in the document; definitions become `name.Definition`. */
export function hoistSchema(schema: JsonSchema, name: string, components: Components): JsonSchema {
  const { $defs, ...own } = schema;
  let refersToItself = false;
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved);
    if (!isPlainObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        if (key !== '$ref' || typeof inner !== 'string') return [key, moved(inner)];
        refersToItself ||= inner === '#';
        return [key, inner === '#' ? reference(name) : reference(`${name}.${componentName(inner.replace(/^#\/\$defs\//, ''))}`)];
      }),
    );
  };
  for (const [key, definition] of Object.entries(isPlainObject($defs) ? $defs : {})) {
    components[`${name}.${componentName(key)}`] = moved(definition) as JsonSchema;
  }
  const result = moved(own) as JsonSchema;
  if (refersToItself) components[name] = result;
  return result;
}

/** The letters that OpenAPI allows in the name of a component. */
const componentName = (text: string): string => text.replaceAll(/[^A-Za-z0-9._-]/g, '_');
