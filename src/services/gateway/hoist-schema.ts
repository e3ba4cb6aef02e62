/**
 * Makes a JSON Schema fit into a larger document: its own definitions move to the document's components,
 * and its references follow. Pure.
 */
import { isPlainObject } from '../../core/options.ts';
import type { JsonSchema } from '../../define/schema.ts';

export type Components = Record<string, JsonSchema>;

/** @param name unique in the document; definitions become `name.Definition`. */
export function hoistSchema(schema: JsonSchema, name: string, components: Components): JsonSchema {
  const { $defs, ...own } = moveReferences(schema, name) as JsonSchema;
  const definitions = isPlainObject($defs) ? $defs : {};
  for (const [key, definition] of Object.entries(definitions)) {
    components[componentName(name, key)] = definition as JsonSchema;
  }
  if (JSON.stringify([own, definitions]).includes(`"$ref":"${reference(name)}"`)) components[name] = own;
  return own;
}

function moveReferences(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((inner) => moveReferences(inner, name));
  if (!isPlainObject(value)) return value;
  const moved = Object.entries(value).map(([key, inner]) => {
    const isReference = key === '$ref' && typeof inner === 'string';
    return [key, isReference ? movedReference(inner, name) : moveReferences(inner, name)];
  });
  return Object.fromEntries(moved) as unknown;
}

const movedReference = (target: string, name: string): string =>
  reference(target === '#' ? name : componentName(name, target.replace(/^#\/\$defs\//, '')));

const reference = (component: string): string => `#/components/schemas/${component}`;

/** Of the letters that OpenAPI allows there. */
const componentName = (name: string, definition: string): string =>
  `${name}.${definition.replaceAll(/[^A-Za-z0-9._-]/g, '_')}`;
