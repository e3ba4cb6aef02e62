/**
 * Tutti in bench/logs.ts: a service of an app that `tutti start` runs logs into its spool, its supervisor reads behind it, makes lines of
 * the app's one stream of it, and keeps them in memory; on request as JSON on stdout, and in a file.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SpoolOffsets } from '../../src/processes/supervisor/spool-offsets.ts';
import { spoolPaths } from '../../src/processes/supervisor/spool-paths.ts';
import type { Logged, Turn } from '../lib/log-lines.ts';
import type { Logging } from '../lib/logging.ts';
import { perSecond, WatchedFile } from '../lib/logging.ts';
import { cpuUs } from '../lib/proc.ts';
import { newFolder } from '../lib/spawn.ts';
import type { TuttiApp } from '../lib/tutti.ts';
import { startTutti } from '../lib/tutti.ts';

export type Where = 'memory' | 'stdout' | 'file';

const callMs = 60_000;
const lookEveryMs = 20;

const environmentOf = (where: Where, file: string): NodeJS.ProcessEnv => ({
  ...(where === 'memory'
    ? { NODE_OPTIONS: `--import ${resolve(import.meta.dirname, '../lib/as-terminal.js')}` }
    : {}),
  ...(where === 'file' ? { BENCH_LOG_FILE: file } : {}),
});

/** The supervisor notes once a second how far everything was dealt with: in the file too, where there is one. */
async function dealtWith(stateDir: string): Promise<void> {
  const { out } = spoolPaths(stateDir, { service: 'writer', slot: 1 });
  const end = performance.now() + callMs;
  while (performance.now() < end) {
    if (new SpoolOffsets(stateDir).get(out) === statSync(out).size) return;
    await delay(lookEveryMs);
  }
  throw new Error(`${out} was not read to its end within ${String(callMs)} ms`);
}

/** What is only in memory can be asked for; it holds no more than the last ten thousand, so only the last is looked for. */
async function checkLast(app: TuttiApp, { round, lines }: Turn): Promise<void> {
  const last = `round=${String(round)} n=${String(lines - 1)} `;
  const found = (await app.command('logs', 'writer', '--grep', last)).trim();
  if (found === '' || found.includes('\n')) throw new Error(`"${last}" was logged once, and read: ${found}`);
}

export async function logByTutti(where: Where): Promise<Logging> {
  const file = join(newFolder(), 'app.log');
  const stateDir = newFolder();
  const app = await startTutti('logs-app.ts', {
    TUTTI_STATE_DIR: stateDir,
    // Several apps of one file at once: each meets in a folder of its own.
    XDG_RUNTIME_DIR: newFolder(),
    ...environmentOf(where, file),
  });
  const [supervisors, writers] = await Promise.all([app.supervisors(), app.pids('writer')]);
  const write = async (turn: Turn): Promise<Logged> =>
    JSON.parse(
      await app.command('call', 'writer.write', JSON.stringify(turn), '--deadline', String(callMs)),
    ) as Logged;
  return {
    async run(turn) {
      const watched = where === 'file' ? new WatchedFile(file) : undefined;
      const before = { writers: cpuUs(writers), supervisors: cpuUs(supervisors) };
      const [logged, writtenAt = NaN] = await Promise.all([write(turn), watched?.writtenAt(turn)]);
      await dealtWith(stateDir);
      const after = { writers: cpuUs(writers), supervisors: cpuUs(supervisors) };
      if (watched === undefined) await checkLast(app, turn);
      const { lines } = turn;
      return {
        loggedPerS: perSecond(lines, logged.endedMs - logged.beganMs),
        writtenPerS: perSecond(lines, writtenAt - logged.beganMs),
        loggerUs: (after.writers - before.writers) / lines,
        supervisorUs: (after.supervisors - before.supervisors) / lines,
        lineBytes: watched?.check(turn) ?? NaN,
      };
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
