/**
 * Path, query and body as one input. Texts become numbers and booleans where the action's schema wants them, strictly:
 * what does not read as one stays a text, and the callee's own check says so. Pure.
 * Refuses a name that is in two places, and one that is repeated where no list is wanted.
 */
import { TuttiError } from '../../core/errors.ts';
import type { JsonSchema } from '../../define/schema.ts';
import { itemsOf, propertiesOf, typesOf } from './json-schema.ts';
import { parseQuery } from './parse-query.ts';

export type RouteParams = Readonly<Record<string, string | undefined>>;
/** The parts of a request that make up an input. */
export interface ReadInput {
  (
    params: RouteParams,
    query: string,
    body: Readonly<Record<string, unknown>>,
    /** Of a reader that comes back: it wins over what the address says, which is what it said the first time. */
    lastEventId?: string,
  ): Record<string, unknown>;
}

type Coerce = (text: string) => unknown;
interface Field {
  readonly isList: boolean;
  readonly coerce: Coerce;
}

const refuse = (path: string, message: string): TuttiError =>
  new TuttiError('INVALID_INPUT', { message: `${path} ${message}`, issues: [{ path, message }] });

const asText: Coerce = (text) => text;
const unknownField: Field = { isList: false, coerce: asText };

/** Looks into the schema once; what it gives runs for each request. */
export function makeInputReader(schema: JsonSchema, resume?: string): ReadInput {
  const fields = new Map<string, Field>();
  for (const [name, schemas] of propertiesOf(schema)) fields.set(name, fieldOf(schemas, schema));

  const add = (input: Record<string, unknown>, name: string, texts: readonly string[]): void => {
    if (Object.hasOwn(input, name)) throw refuse(name, 'is given in two places');
    const { isList, coerce } = fields.get(name) ?? unknownField;
    if (!isList && texts.length > 1) throw refuse(name, 'is given twice');
    input[name] = isList ? texts.map(coerce) : coerce(texts[0] ?? '');
  };

  const resumed = resume === undefined ? undefined : (fields.get(resume) ?? unknownField);

  // eslint-disable-next-line max-params -- as `ReadInput`
  return (params, query, body, lastEventId) => {
    const input: Record<string, unknown> = { ...body };
    for (const name of Object.keys(params)) add(input, name, [params[name] ?? '']);
    if (query !== '') for (const [name, texts] of parseQuery(query)) add(input, name, texts);
    if (resume !== undefined && resumed !== undefined && lastEventId !== undefined)
      input[resume] = resumed.coerce(lastEventId);
    return input;
  };
}

function fieldOf(schemas: readonly JsonSchema[], root: JsonSchema): Field {
  const types = typesOf(schemas);
  if (!types.has('array') || types.has('string')) return { isList: false, coerce: coercionTo(types) };
  return { isList: true, coerce: coercionTo(typesOf(itemsOf(schemas, root))) };
}

const wholeNumber = /^-?(0|[1-9]\d*)$/;
const decimalNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?$/;

/** A text where a text is allowed is never anything else: `"1"` must not become 1 behind the sender's back. */
function coercionTo(types: ReadonlySet<string>): Coerce {
  if (types.size === 0 || types.has('string')) return asText;
  const number = types.has('number') ? decimalNumber : types.has('integer') ? wholeNumber : undefined;
  return (text) => {
    if (number?.test(text)) return exactNumber(text);
    if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true';
    return text;
  };
}

/** A whole number that a double cannot hold would become another one: it stays a text, which the callee refuses. */
function exactNumber(text: string): number | string {
  const value = Number(text);
  const isExact = wholeNumber.test(text) ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isExact ? value : text;
}
