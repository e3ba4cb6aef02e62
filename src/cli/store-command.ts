/** `tutti store`: what the store of an app holds; a copy of it; a look at every row. The app goes on meanwhile. */
import { dirname, resolve } from 'node:path';
import { statSync } from 'node:fs';
import type { AckClass } from '../core/ack-class.ts';
import { ackWords } from '../core/ack-class.ts';
import type { AppConnection } from './app-connection.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import type { Io } from './io.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { usage } from './parse-option.ts';
import { bytesText } from './quantities.ts';
import { jsonOption } from './shared-options.ts';

interface About {
  /** Where it is kept. */
  readonly engine: string;
  readonly ack: AckClass;
  readonly because: string;
  readonly file: string;
  readonly bytes: number;
  readonly logBytes: number;
  readonly commits: number;
  readonly mutations: number;
  readonly waiting: number;
}

interface Report {
  readonly isSound: boolean;
  readonly problems: readonly string[];
  readonly problemCount: number;
  readonly rows: number;
}

/** To copy or read all of a store takes as long as it takes. */
const longMs = 3_600_000;

function tellAbout(about: About, io: Io): Outcome {
  const { engine, ack, because, file, bytes, logBytes, commits, mutations, waiting } = about;
  const each = commits === 0 ? '' : `, ${(mutations / commits).toFixed(1)} each`;
  io.out(`kept in   ${engine}`);
  io.out(`answers   ${ack}: what was acknowledged ${ackWords[ack]} (${because})`);
  io.out(`file      ${file}`);
  io.out(`size      ${bytesText(bytes)}, and ${bytesText(logBytes)} in its log`);
  io.out(`commits   ${String(commits)} since it was opened${each}`);
  io.out(`waiting   ${String(waiting)}`);
  return exit('ok');
}

function tellReport({ isSound, problems, problemCount, rows }: Report, io: Io): Outcome {
  if (isSound) {
    io.out(`The store is sound: ${String(rows)} rows are as they were written`);
    return exit('ok');
  }
  io.err(`The store is damaged, in ${String(problemCount)} ${problemCount === 1 ? 'place' : 'places'}:`);
  for (const problem of problems) io.err(`  ${problem}`);
  if (problemCount > problems.length) io.err(`  and ${String(problemCount - problems.length)} more`);
  io.err('  Go back to a copy: npx tutti stop, put the copy in its place, npx tutti start');
  return exit('failed');
}

/** Told before the app is asked: the owner of the store would say it about a path of its own. */
function targetOf(file: string | undefined): string {
  if (file === undefined) throw usage('Say where the copy goes: npx tutti store backup copy.db');
  const to = resolve(file);
  const folder = statSync(dirname(to), { throwIfNoEntry: false });
  if (folder?.isDirectory() !== true) throw usage(`There is no folder ${dirname(to)}`);
  if (statSync(to, { throwIfNoEntry: false }) !== undefined)
    throw usage(`${to} is there already: a copy replaces nothing, name another file`);
  return to;
}

async function backup(app: AppConnection, { args, io }: Invocation): Promise<Outcome> {
  const to = targetOf(args[1]);
  const { bytes } = await app.post<{ bytes: number }>('/store/backup', { to }, { timeoutMs: longMs });
  io.out(`The store is copied to ${to}, ${bytesText(bytes)}`);
  return exit('ok');
}

async function about(app: AppConnection, { io, options }: Invocation): Promise<Outcome> {
  const answer = await app.get<About>('/store');
  if (options.json !== true) return tellAbout(answer, io);
  io.out(jsonText(answer));
  return exit('ok');
}

async function verify(app: AppConnection, { io, options }: Invocation): Promise<Outcome> {
  const report = await app.post<Report>('/store/verify', {}, { timeoutMs: longMs });
  if (options.json !== true) return tellReport(report, io);
  io.out(jsonText(report));
  return exit(report.isSound ? 'ok' : 'failed');
}

const deeds: Readonly<Record<string, (app: AppConnection, invocation: Invocation) => Promise<Outcome>>> = {
  backup,
  verify,
};

function store(invocation: Invocation): Promise<Outcome> {
  const [what = ''] = invocation.args;
  const deed = deeds[what] ?? about;
  return withApp(invocation.options.app, (app) => deed(app, invocation));
}

export const storeCommand: CommandSpec = {
  name: 'store',
  summary: 'Look at the store of the app, copy it, check it',
  details:
    'A copy is whole, and made while the app goes on. A check reads every row; it needs as much room on the disk as the store has.',
  arguments: [
    { syntax: '[what]', words: 'what to do; without it: what there is', choices: Object.keys(deeds) },
    { syntax: '[file]', words: 'of backup: one that is not there yet' },
  ],
  options: [jsonOption],
  examples: [
    { line: 'tutti store backup /backups/monday.db', words: 'a copy' },
    { line: 'tutti store verify', words: 'whether each row is as it was written' },
  ],
  run: store,
};
