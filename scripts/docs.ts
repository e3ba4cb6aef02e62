/**
 * Writes the pages of `docs/reference/` that are made from tables in the source: `node scripts/docs.ts`.
 * tests/repository/docs.test.ts fails when a page is not what this would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { bounds } from '../src/core/bounds.ts';
import { errorTable } from '../src/core/errors.ts';
import type { ErrorRow } from '../src/core/errors.ts';
import type { OptionRow, OptionTable } from '../src/core/options.ts';
import * as calls from '../src/define/call-options.ts';
import * as options from '../src/define/options.ts';
import * as work from '../src/define/work-options.ts';

const root = new URL('../', import.meta.url);
const grouped = (value: number): string => value.toLocaleString('en-US');

const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function errorsPage(): string {
  const rows = Object.entries<ErrorRow>(errorTable).map(([code, row]) => [
    `\`${code}\``,
    String(row.http),
    row.retryable === true ? 'yes' : '',
    row.text,
  ]);
  return `# Errors

Every error has a \`code\`. Match it, never the message or the class: errors cross processes. A code, once released, is never reused.
Services declare their own beside these, under \`errors\`. _Retryable_: the same call may succeed a moment later.

${table(['Code', 'HTTP', 'Retryable', 'Text'], rows)}
`;
}

const kinds = { whole: 'whole number', boolean: 'true or false', text: 'text' } as const;

function allowed({ kind, min = 0, max }: OptionRow): string {
  if (kind !== 'whole') return '';
  return max === undefined ? `from ${String(min)}` : `${String(min)} to ${String(max)}`;
}

const optionRow = ([name, row]: [string, OptionRow]): string[] => [
  `\`${name}\``,
  kinds[row.kind],
  String(row.default ?? 'none'),
  allowed(row),
  row.unit ?? '',
  row.doc,
];

const optionSections = [
  ['The app', '', options.appOptions],
  ['A service', 'services.<name>', options.serviceOptions],
  ['Replicas by load', 'services.<name>.replicas', options.rangeOptions],
  ['A pool', 'services.<name>.pool', options.poolOptions],
  ['Calls to a service', 'services.<name>.calls', { ...calls.callOptions, ...calls.comparisonOptions }],
  ['Breakers of its actions', 'services.<name>.calls.breaker', calls.breakerOptions],
  ['A durable event', 'the first argument of `on.durable`', work.durableOptions],
  ['Its next attempts', '`backoff` of it', work.backoffOptions],
  ['A queue', '`defineQueue(name, { … })`', work.queueOptions],
  ['The rate of a queue', '`rateLimit` of it', work.rateLimitOptions],
  ['What is kept of jobs that are done or cancelled', '`keep.done` of a queue', work.keepDoneOptions],
  ['What is kept of jobs that failed', '`keep.failed` of a queue', work.keepFailedOptions],
  ['A worker', 'the second argument of `worker`', work.workerOptions],
  [
    'A service whose jobs are ended with their process',
    '`isolate` of `defineService({ … })`',
    work.isolateOptions,
  ],
  ['A gateway', 'gateways.<name>', options.gatewayOptions],
  ['The store', 'store', options.storeOptions],
  ['Restarts', 'restart', options.restartOptions],
  ['Stopping', 'stop', options.stopOptions],
  ['Health', 'health', options.healthOptions],
  ['The log file', 'logs', options.logsOptions],
] as const satisfies readonly (readonly [string, string, OptionTable])[];

function optionsPage(): string {
  const sections = optionSections.map(([title, path, rows]: readonly [string, string, OptionTable]) => {
    const name = path.includes('`') ? path : `\`${path}\``;
    const where = path === '' ? '' : `\n\nUnder ${name}.`;
    const heads = ['Option', 'Kind', 'Default', 'Allowed', 'Unit', 'Meaning'];
    return `## ${title}${where}\n\n${table(heads, Object.entries(rows).map(optionRow))}`;
  });
  return `# Options

The options of an app file that are numbers, switches and texts. \`restart\`, \`stop\` and \`health\` may stand at the top, for all, and in one
service or gateway, for it alone.

${sections.join('\n\n')}
`;
}

/** What each bound means stands beside it in the source, and nowhere else. */
function boundMeanings(): Map<string, string> {
  const source = readFileSync(new URL('src/core/bounds.ts', root), 'utf8');
  const rows = source.matchAll(/\/\*\* (?<meaning>[^*]+) \*\/\s+(?<name>\w+):/g);
  return new Map(Array.from(rows, ({ groups = {} }) => [groups['name'] ?? '', groups['meaning'] ?? '']));
}

const boundUnits = [
  ['Bytes', 'bytes'],
  ['Ms', 'ms'],
] as const;

function boundsPage(): string {
  const meanings = boundMeanings();
  const rows = Object.entries(bounds).map(([name, value]) => {
    const meaning = meanings.get(name);
    if (meaning === undefined) throw new Error(`core/bounds.ts does not say what ${name} means`);
    const unit = boundUnits.find(([suffix]) => name.endsWith(suffix))?.[1] ?? '';
    return [`\`${name}\``, grouped(value), unit, meaning];
  });
  return `# Bounds

Every queue, buffer and table ends somewhere. What happens beyond its bound is part of its meaning.

${table(['Bound', 'Value', 'Unit', 'Meaning'], rows)}
`;
}

const pages = { 'errors.md': errorsPage, 'options.md': optionsPage, 'bounds.md': boundsPage };

/** Path, and what the page must be. */
export async function referencePages(): Promise<{ readonly path: string; readonly text: string }[]> {
  const made = Object.entries(pages).map(async ([name, page]) => {
    const path = fileURLToPath(new URL(`docs/reference/${name}`, root));
    const style = (await resolveConfig(path)) ?? {};
    return { path, text: await format(page(), { ...style, parser: 'markdown' }) };
  });
  return Promise.all(made);
}

if (import.meta.main) for (const { path, text } of await referencePages()) writeFileSync(path, text);
