/**
 * Tutti beside its peers: `npm run bench`, `npm run bench -- calls`, `--smoke` (does every peer answer?),
 * `--write` (puts the tables into bench/README.md),
 * `--without 'Nest TCP'` (leaves a peer out). Writes nothing otherwise.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { calls } from './calls.ts';
import { deathsUnderLoad } from './deaths.ts';
import { events } from './events.ts';
import { gateway } from './gateway.ts';
import { jobs } from './jobs.ts';
import { machine } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { logs } from './logs.ts';
import { start } from './start.ts';
import { supervision } from './supervision.ts';

const questions: Readonly<Record<string, (settings: Settings) => Promise<Answer>>> = {
  calls,
  gateway,
  deaths: deathsUnderLoad,
  logs,
  start,
  supervision,
  jobs,
  events,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    without: { type: 'string', multiple: true, default: [] },
  },
});

interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The peers live in this folder's own lock file, so that they never enter the root's. */
function installPeers(): void {
  const { dependencies } = JSON.parse(
    readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'),
  ) as Package;
  const installed = (name: string): boolean => existsSync(join(import.meta.dirname, 'node_modules', name));
  if (Object.keys(dependencies).every(installed)) return;
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: import.meta.dirname, stdio: 'inherit' });
}

function writeTables(tables: string): void {
  const file = join(import.meta.dirname, 'README.md');
  const [before = '', rest = ''] = readFileSync(file, 'utf8').split('<!-- tables -->\n');
  const after = rest.slice(rest.indexOf('<!-- /tables -->'));
  writeFileSync(file, `${before}<!-- tables -->\n\n${tables}\n${after}`);
}

installPeers();
const unknown = positionals.filter((name) => !(name in questions));
if (unknown.length > 0)
  throw new Error(`No such question: ${unknown.join(', ')}; there are ${Object.keys(questions).join(', ')}`);

const parts = [`Measured on ${new Date().toISOString().slice(0, 10)}. ${machine()}\n`];
console.log(parts[0]);
for (const [name, ask] of Object.entries(questions)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const { question, table, note } = await ask(values);
  const part = `### ${question}\n\n${note}\n\n${table}\n`;
  console.log(part);
  parts.push(part);
}
if (values.write) writeTables(parts.join('\n'));
