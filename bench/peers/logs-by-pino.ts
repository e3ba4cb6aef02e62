/** pino in bench/logs.ts: straight to a file, nobody reads behind it. The process is peers/pino-logs.ts. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Logged } from '../lib/log-lines.ts';
import type { Logging } from '../lib/logging.ts';
import { perSecond, WatchedFile } from '../lib/logging.ts';
import { cpuUs } from '../lib/proc.ts';
import { answer, end, newFolder, startFile } from '../lib/spawn.ts';

/** That of Tutti itself. */
export const { version: pinoVersion } = createRequire(import.meta.url)('pino/package.json') as {
  readonly version: string;
};

export async function logByPino(kind: 'sync' | 'buffered' | 'background'): Promise<Logging> {
  const path = join(newFolder(), 'pino.log');
  const child = startFile('peers/pino-logs.ts', [kind, path]);
  const pids = [child.pid ?? 0];
  await answer(child);
  return {
    async run(turn) {
      const file = new WatchedFile(path);
      const before = cpuUs(pids);
      child.send(turn);
      const [logged, writtenAt] = await Promise.all([answer(child) as Promise<Logged>, file.writtenAt(turn)]);
      const cpu = cpuUs(pids) - before;
      const { lines } = turn;
      return {
        loggedPerS: perSecond(lines, logged.endedMs - logged.beganMs),
        writtenPerS: perSecond(lines, writtenAt - logged.beganMs),
        loggerUs: cpu / lines,
        supervisorUs: 0,
        lineBytes: file.check(turn),
      };
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}
