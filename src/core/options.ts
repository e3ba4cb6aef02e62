/**
 * Options: one table per part gives type, check, default, unit and words. Checked once at the door, then frozen.
 */
import { suggestion } from './did-you-mean.ts';
import { escapeControls } from './log-line.ts';

export interface OptionRow {
  readonly kind: 'whole' | 'boolean' | 'text';
  /** Undefined: off unless given. */
  readonly default: number | boolean | string | undefined;
  readonly min?: number;
  readonly max?: number;
  /** Of a text: it is one of these. */
  readonly choices?: readonly string[];
  readonly unit?: string;
  readonly doc: string;
}
export type OptionTable = Readonly<Record<string, OptionRow>>;

type ValueOf<Row extends OptionRow> = Row['kind'] extends 'whole'
  ? number
  : Row['kind'] extends 'boolean'
    ? boolean
    : Row extends { readonly choices: readonly (infer Choice)[] }
      ? Choice
      : string;
/** What a user may give. */
export type OptionsIn<Table extends OptionTable> = {
  readonly [K in keyof Table]?: ValueOf<Table[K]> | undefined;
};
/** What a part receives: defaults filled in. */
export type OptionsOf<Table extends OptionTable> = {
  readonly [K in keyof Table]: undefined extends Table[K]['default']
    ? ValueOf<Table[K]> | undefined
    : ValueOf<Table[K]>;
};

/** One thing that is wrong in a definition: where (`services.orders.restart.maxRestarts`) and what. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export const problemText = (problem: Problem): string =>
  problem.path === '' ? problem.message : `${escapeControls(problem.path)}: ${problem.message}`;

/** A value as a person may see it in a message: short, on one line, harmless to a terminal. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? escapeControls(JSON.stringify(value)) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every key of `value` that `known` does not have, each with the one that was probably meant. */
export function unknownKeys(
  value: Record<string, unknown>,
  known: readonly string[],
  path: string,
): Problem[] {
  const strangers = Object.keys(value).filter((key) => !known.includes(key));
  return strangers.map((key) => ({
    path: path === '' ? key : `${path}.${key}`,
    message: `unknown option ${shown(key)}${suggestion(key, known)}`,
  }));
}

function checkRow(row: OptionRow, value: unknown): string | undefined {
  if (row.kind === 'boolean')
    return typeof value === 'boolean' ? undefined : `expected true or false, got ${shown(value)}`;
  if (row.choices !== undefined) return checkChoice(row.choices, value);
  if (row.kind === 'text')
    return typeof value === 'string' && value !== '' ? undefined : `expected a text, got ${shown(value)}`;
  const min = row.min ?? 0;
  const max = row.max ?? Number.MAX_SAFE_INTEGER;
  const fits = typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
  const range = row.max === undefined ? `>= ${String(min)}` : `from ${String(min)} to ${String(max)}`;
  return fits ? undefined : `expected a whole number ${range}, got ${shown(value)}`;
}

function checkChoice(choices: readonly string[], value: unknown): string | undefined {
  if (choices.some((choice) => choice === value)) return undefined;
  const names = choices.map((choice) => JSON.stringify(choice)).join(', ');
  return `expected one of ${names}, got ${shown(value)}`;
}

export function checkOptions(table: OptionTable, value: unknown, path: string): Problem[] {
  if (value === undefined) return [];
  if (!isPlainObject(value)) return [{ path, message: `expected an object, got ${shown(value)}` }];
  const problems = unknownKeys(value, Object.keys(table), path);
  for (const [key, row] of Object.entries(table)) {
    const given = value[key];
    const message = given === undefined ? undefined : checkRow(row, given);
    if (message !== undefined) problems.push({ path: `${path}.${key}`, message });
  }
  return problems;
}

/** Later layers win; what nobody gave is the default. Wants layers that were checked. */
export function fillOptions<Table extends OptionTable>(
  table: Table,
  ...layers: (OptionsIn<Table> | undefined)[]
): OptionsOf<Table> {
  const filled: Record<string, unknown> = {};
  for (const [key, row] of Object.entries(table)) {
    const given = layers.map((layer) => layer?.[key]).findLast((value) => value !== undefined);
    filled[key] = given ?? row.default;
  }
  return Object.freeze(filled) as OptionsOf<Table>;
}
