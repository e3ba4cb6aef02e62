/**
 * From what a person types to what a command needs: durations, points in time, numbers, JSON. Refuses with what was expected.
 */
import { TuttiError } from '../core/errors.ts';
import { shown } from '../core/options.ts';

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const durationPattern = /^(\d{1,9}(?:\.\d+)?)(ms|s|m|h|d)?$/;

export const usage = (message: string, next?: string): TuttiError =>
  new TuttiError('INVALID_INPUT', { message, ...(next === undefined ? {} : { next }) });

/** Milliseconds; without a unit they are seconds. */
export function parseDuration(text: string): number {
  const [, number, unit = 's'] = durationPattern.exec(text) ?? [];
  if (number === undefined) throw usage(`expected a time like 30, 30s, 10m or 2h, got ${shown(text)}`);
  return Math.round(Number(number) * unitMs[unit as keyof typeof unitMs]);
}

/** Epoch milliseconds: so long ago, or that moment. */
export function parseSince(text: string, now: number): number {
  if (durationPattern.test(text)) return now - parseDuration(text);
  const moment = Date.parse(text);
  if (!Number.isNaN(moment)) return moment;
  throw usage(
    `expected a time ago like 10m or 2h, or a moment like 14:02 or 2026-05-01T12:00:00Z, got ${shown(text)}`,
  );
}

const clockPattern = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;

/** Epoch milliseconds of a moment that has been: 14:02 is today's, or yesterday's while today has none yet. */
export function parseMoment(text: string, now: number): number {
  const [, hours, minutes, seconds = '0'] = clockPattern.exec(text) ?? [];
  if (hours === undefined) return parseSince(text, now);
  const moment = new Date(now);
  moment.setHours(Number(hours), Number(minutes), Number(seconds), 0);
  if (moment.getTime() > now) moment.setDate(moment.getDate() - 1);
  return moment.getTime();
}

export function parseWhole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usage(`expected a whole number, got ${shown(text)}`);
}

const mostRows = 250;

/** Of a page. */
export function parseLimit(text: string): number {
  const number = parseWhole(text);
  if (number >= 1 && number <= mostRows) return number;
  throw usage(`expected a whole number from 1 to ${String(mostRows)}, got ${shown(text)}`);
}

export function parseJson(text: string | undefined, example: string): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usage(`The input is not JSON: ${why}`, `Quote it for the shell: ${example}`);
  }
}
