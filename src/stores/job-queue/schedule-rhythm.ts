/**
 * When a schedule ticks: by a cron expression in a time zone, or every so many milliseconds. The one file that knows the library for cron expressions; it is loaded
 * when somebody makes the first schedule that needs it.
 */
import { createRequire } from 'node:module';
import type { Cron } from 'croner';
import { TuttiError } from '../../core/errors.ts';
import { everyMs } from '../../core/schedule.ts';
import type { Rhythm } from '../../core/schedule.ts';
import { isNoSuchDay } from './no-such-day.ts';

export interface RhythmSpec {
  readonly cron: string | null;
  readonly every_ms: number | null;
  readonly time_zone: string | null;
}

let known: typeof Cron | undefined;

const invalid = (message: string, cause?: unknown): TuttiError =>
  new TuttiError('INVALID_INPUT', { message }, { cause });

function cronRhythm(cron: string, timezone: string): Rhythm {
  // A mutation does not wait: no `import()`.
  known ??= (createRequire(import.meta.url)('croner') as { readonly Cron: typeof Cron }).Cron;
  // Also a list of hours is of times of the day: where the clock is put forward none is left out, where it is put back none comes twice.
  const options = { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true } as const;
  const pattern = new known(cron, options);
  return (after) => pattern.nextRun(new Date(after))?.getTime();
}

/** What the library says of an expression that it does not take, as an answer to whoever gave it. */
function told<T>(cron: string, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    throw invalid(`${JSON.stringify(cron)} is no cron expression: ${reason}`, error);
  }
}

/**
 * Both the rhythm and what is asked of it throw `INVALID_INPUT` for what is not known, or not any more.
 * @param aTick from which one counts that has no cron expression.
 */
export function rhythmOf({ cron, every_ms, time_zone }: RhythmSpec, aTick: number): Rhythm {
  if (cron === null) return everyMs(every_ms ?? Infinity, aTick);
  const rhythm = told(cron, () => cronRhythm(cron, time_zone ?? 'UTC'));
  return (after) => told(cron, () => rhythm(after));
}

function refuseUnknownZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch (error) {
    throw invalid(`There is no time zone ${JSON.stringify(timeZone)}: "Europe/Oslo" is one`, error);
  }
}

/** Of one that is made at `now`. @throws {TuttiError} `INVALID_INPUT`. */
export function firstTick(spec: RhythmSpec, now: number): number {
  const cron = JSON.stringify(spec.cron);
  if (spec.time_zone !== null) refuseUnknownZone(spec.time_zone);
  // The library reads what has one as a date, and would tick once.
  if (spec.cron?.includes(':') === true) throw invalid(`${cron} is no cron expression`);
  const rhythm = rhythmOf(spec, now);
  const first = spec.cron !== null && isNoSuchDay(spec.cron) ? undefined : rhythm(now);
  if (first !== undefined) return first;
  throw invalid(`The cron expression ${cron} never comes true`);
}
