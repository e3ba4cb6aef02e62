/** Holds a value against a JSON Schema of the manifest, where the schema it was made of is not at hand: in the command and in a gateway. */
import type { InputIssue } from '../core/errors.ts';
import { inputIssues } from './schema.ts';
import type { JsonSchema } from './schema.ts';

type Check = (value: unknown) => readonly InputIssue[];

const checks = new WeakMap<JsonSchema, Promise<Check>>();
const nothing: Check = () => [];

/** The first of each place that is wrong. A schema that says what we cannot read refuses nothing: who made it holds the value against it once more. */
export async function misfits(schema: JsonSchema, value: unknown): Promise<readonly InputIssue[]> {
  const known = checks.get(schema) ?? makeCheck(schema);
  checks.set(schema, known);
  return (await known)(value);
}

async function makeCheck(schema: JsonSchema): Promise<Check> {
  // Of those who check nothing nobody loads it.
  const zod = await import('zod');
  try {
    const parser = zod.fromJSONSchema(schema);
    return (value) => firstOfEach(inputIssues(parser.safeParse(value).error?.issues ?? []));
  } catch {
    return nothing;
  }
}

function firstOfEach(issues: readonly InputIssue[]): InputIssue[] {
  const byPath = new Map<string, InputIssue>();
  for (const issue of issues) if (!byPath.has(issue.path)) byPath.set(issue.path, issue);
  return [...byPath.values()];
}
