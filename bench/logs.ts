/**
 * What does a log line cost, and how many get through? Tutti's whole path, from `log.info` in a service to the app's one stream and the log
 * file, beside pino straight to a file. Tutti does more, which the note says: this is the price of it, not a race.
 */
import { loadavg } from 'node:os';
import type { Logging, LogRound } from './lib/logging.ts';
import { chosen, digits, markdown, medians } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { logByPino, pinoVersion } from './peers/logs-by-pino.ts';
import { logByTutti } from './peers/logs-by-tutti.ts';

const floor = 'pino, a write per line';

const peers: Readonly<Record<string, () => Promise<Logging>>> = {
  [floor]: () => logByPino('sync'),
  'pino, 4 KiB a write': () => logByPino('buffered'),
  'pino, the same in the background': () => logByPino('background'),
  'Tutti, kept in memory': () => logByTutti('memory'),
  'Tutti, and as JSON to stdout': () => logByTutti('stdout'),
  'Tutti, and in `logs: { file }`': () => logByTutti('file'),
};

/** All that Tutti does is in the last one. */
const smokePeers = [floor, 'pino, 4 KiB a write', 'Tutti, and in `logs: { file }`'];

/** Far below the 64 MiB that a spool keeps, so that nothing may be missing. */
const fullLines = 50_000;
const smokeLines = 1_000;
const linesOf = ({ smoke }: Settings): number => (smoke ? smokeLines : fullLines);

async function rounds(settings: Settings): Promise<Map<string, LogRound[]>> {
  await using closers = new AsyncDisposableStack();
  const running = new Map<string, Logging>();
  for (const [name, start] of chosen(peers, settings))
    if (!settings.smoke || smokePeers.includes(name)) running.set(name, closers.use(await start()));
  const results = new Map<string, LogRound[]>([...running.keys()].map((name) => [name, []]));
  const lines = linesOf(settings);
  // The first round only warms up.
  for (let round = 0; round <= (settings.smoke ? 0 : 5); round += 1) {
    for (const [name, logging] of running) {
      const result = await logging.run({ round, lines });
      if (round > 0 || settings.smoke) results.get(name)?.push(result);
    }
  }
  return results;
}

/** CPU of all who have to do with it. */
const togetherUs = ({ loggerUs = NaN, supervisorUs = NaN }: Record<string, number>): number =>
  loggerUs + supervisorUs;

function row(name: string, one: Record<string, number>, floorUs: number): string[] {
  const { loggedPerS = NaN, writtenPerS = NaN, loggerUs = NaN, supervisorUs = NaN } = one;
  return [
    name,
    digits(loggedPerS),
    digits(writtenPerS),
    digits(loggerUs, 1),
    name.startsWith('Tutti') ? digits(supervisorUs, 1) : '–',
    digits(togetherUs(one) / floorUs, 2),
    digits(one['lineBytes'] ?? NaN),
  ];
}

export async function logs(settings: Settings): Promise<Answer> {
  const loads = [loadavg()[0] ?? NaN];
  const all = new Map([...(await rounds(settings))].map(([name, each]) => [name, medians<string>(each)]));
  loads.push(loadavg()[0] ?? NaN);
  const floorUs = togetherUs(all.get(floor) ?? {});
  return {
    question: 'What does a log line cost, and how many get through?',
    table: markdown(
      [
        'path',
        'logged, lines/s',
        'in the file, lines/s',
        'CPU µs per line: who logs',
        'supervisor',
        'both, x pino',
        'bytes in the file',
      ],
      [...all].map(([name, one]) => row(name, one, floorUs)),
    ),
    note: note(linesOf(settings), loads),
  };
}

const note = (lines: number, loads: readonly number[]): string =>
  `One process logs, ${digits(lines)} lines a round; pino ${pinoVersion} straight to a file. Tutti does more, so this is its price, not a race. Each row of Tutti does what the one before it does, too. Logged: while the process was busy with it; in the file: from the first line until the last was seen there. Load of the machine meanwhile: ${digits(Math.min(...loads), 1)} to ${digits(Math.max(...loads), 1)}, the bench itself included.`;
