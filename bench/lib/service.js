/**
 * The one service of bench/supervision.ts, the same lines under everybody: with BENCH_PORT it answers HTTP with its pid, without it
 * rests, and where the file BENCH_FLAG is, it ends at once. Plain JavaScript, so that nobody pays for types.
 */
import { existsSync } from 'node:fs';

export async function begin({ BENCH_PORT: port, BENCH_FLAG: flag }) {
  if (flag !== undefined && existsSync(flag)) process.exit(1);
  // Under a parent with a channel it does not outlive that: nothing is left of a bench that was broken off.
  process.on('disconnect', () => process.exit());
  if (port === undefined) setInterval(() => undefined, 60_000);
  else (await import('./pid-server.js')).serve(Number(port));
}
