/** `tutti logs`: one stream of all processes of the app, in the order in which it arrived. What is searched for is searched for here. */
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { logLevels } from '../core/log-line.ts';
import type { LogLine } from '../core/log-line.ts';
import { logLineJson, printLogLine } from '../core/print-log-line.ts';
import { momentText } from '../core/moments.ts';
import type { AppAbout, AppConnection } from './app-connection.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { findTarget } from './find-target.ts';
import type { LogQuery } from './log-follower.ts';
import { followLines, recentLines } from './log-follower.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { parseMoment, usage } from './parse-option.ts';
import { jsonOption } from './shared-options.ts';

/** Our own voice in the stream; no service can have that name and be meant. */
const supervisor = 'supervisor';

async function wantedServices(app: AppConnection, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const status = await app.status();
  return names.map((name) => (name === supervisor ? name : findTarget(status, name).target));
}

/** Ctrl-C, or a reader who has enough. */
function untilEnough(): AbortController {
  const enough = new AbortController();
  const stop = (): void => {
    enough.abort();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.stdout.once('error', stop);
  return enough;
}

/** A pattern that would try for hours on one line is run by the engine that takes one look at each character, where it can. */
function parsePattern(text: string): RegExp {
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
  try {
    return new RegExp(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usage(`expected a regular expression: ${why}`);
  }
}

/** As it is shown, without colours, so that what one sees can be searched for. */
const isFound = (pattern: RegExp | undefined, line: LogLine): boolean =>
  pattern === undefined || pattern.test(printLogLine(line, (_style, text) => text, process.cwd()));

/** Undefined: all that was asked for is remembered. Without a time that is all there ever was, of which old lines are known to go. */
export function memoryText(asked: number | undefined, about: AppAbout, now: number): string | undefined {
  const { since, why } = about.logMemory;
  if (asked === undefined ? why !== 'a new supervisor' : asked >= since) return undefined;
  const earlier = about.logFile === undefined ? '' : `; earlier ones are in ${about.logFile}`;
  return `lines are remembered since ${momentText(since, now)} (${why})${earlier}`;
}

/** Gives how many. For a slow reader we wait, as the supervisor then does for us. */
async function print(
  lines: AsyncGenerator<LogLine>,
  { io, options }: Invocation,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for await (const line of lines) {
    if (signal.aborted) break;
    if (!isFound(options.grep, line)) continue;
    count += 1;
    io.out(options.json === true ? logLineJson(line) : printLogLine(line, io.paint, process.cwd()));
    if (process.stdout.writableNeedDrain)
      await once(process.stdout, 'drain', { signal }).catch(() => undefined);
  }
  return count;
}

async function logs(invocation: Invocation): Promise<Outcome> {
  const { args, options, io } = invocation;
  const { signal } = untilEnough();
  await withApp(options.app, async (app) => {
    // The first word to the app: this one waits for a supervisor that is not up yet.
    const short = memoryText(options.since, await app.about(), Date.now());
    if (short !== undefined) io.err(`tutti: ${short}`);
    const services = await wantedServices(app, args);
    const query: LogQuery = { services, level: options.level, since: options.since ?? 0 };
    const lines = options.follow === true ? followLines(app, query, signal) : recentLines(app, query);
    const count = await print(lines, invocation, signal);
    if (count === 0 && !signal.aborted) io.err('tutti: no lines');
  });
  return exit('ok');
}

export const logsCommand: CommandSpec = {
  name: 'logs',
  summary: 'Print what all processes wrote, as one stream',
  details:
    'With -f it goes on until the app ends or Ctrl-C, also when the supervisor is replaced. The supervisor itself is the service `supervisor`. Times are local.',
  arguments: [{ syntax: '[service...]', words: 'only these: users, users#2, public, supervisor' }],
  options: [
    { flags: '-f, --follow', words: 'go on with what comes' },
    {
      flags: '--since <time>',
      words: 'so long ago (10m, 2h), or a moment (14:02, 2026-05-01T12:00:00Z)',
      parse: (text) => parseMoment(text, Date.now()),
    },
    { flags: '--level <level>', words: 'this and worse', choices: logLevels },
    {
      flags: '--grep <regex>',
      words: 'only lines with this, in the line as it is shown',
      parse: parsePattern,
    },
    { ...jsonOption, words: 'a JSON line each' },
  ],
  examples: [
    { line: "tutti logs -f --grep 'orderId=17'", words: 'all that is said of one order, as it comes' },
    { line: 'tutti logs users --since 10m --level warn', words: 'what went wrong with users lately' },
  ],
  run: logs,
};
