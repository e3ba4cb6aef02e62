/** The program of pino in bench/logs.ts: `node pino-logs.ts <sync|buffered|background> <file>`. Logs the lines of each message, and answers when it has. */
import { pino } from 'pino';
import type { Turn } from '../lib/log-lines.ts';
import { logLines } from '../lib/log-lines.ts';

const [kind = 'sync', dest = ''] = process.argv.slice(2);
// 4,096: what pino's own documentation takes.
const destinations: Record<string, object> = {
  sync: { sync: true },
  buffered: { sync: true, minLength: 4_096 },
  background: { sync: false, minLength: 4_096 },
};
const destination = pino.destination({ dest, ...destinations[kind] });
// What a line of Tutti says of itself, so that lines are equally long.
const logger = pino({ base: { service: 'writer', instance: 'writer#1@1' } }, destination);
const requestId = '0123456789abcdef0123456789abcdef';

process.on('message', (turn: Turn) => {
  const info = (sentence: string, fields: object): void => {
    logger.info({ requestId, ...fields }, sentence);
  };
  void logLines(info, turn).then((logged) => {
    if (kind !== 'sync') destination.flush();
    process.send?.(logged);
  });
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
