/**
 * The lines of bench/logs.ts, the same for everybody who logs: a sentence with four fields, in the way of a service that has other things to do.
 */
import { setImmediate } from 'node:timers/promises';

/** The lines of one round: they carry its number, and one of their own from 0 on. */
export interface Turn {
  readonly round: number;
  readonly lines: number;
}

/** By `monotonicMs`. */
export interface Logged {
  readonly beganMs: number;
  readonly endedMs: number;
}

export type Info = (sentence: string, fields: Readonly<Record<string, unknown>>) => void;

/** Then whatever waits gets its turn: a heartbeat, a write in the background. */
const burst = 50;

/** The same clock in all processes of a machine. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export async function logLines(info: Info, { round, lines }: Turn): Promise<Logged> {
  const beganMs = monotonicMs();
  for (let n = 0; n < lines; n += 1) {
    info('Order was taken', { round, n, customer: 'ada@example.com', amountCents: 1_999 });
    if (n % burst === burst - 1) await setImmediate();
  }
  return { beganMs, endedMs: monotonicMs() };
}

/** In every line of JSON that was made of line `n` of a round, and in no other. */
export const markOf = (round: number, n: number): string => `"round":${String(round)},"n":${String(n)},`;
