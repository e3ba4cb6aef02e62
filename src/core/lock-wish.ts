/** What a handler asked for with `shared.lock`, checked. */
import { TuttiError } from './errors.ts';
import { isEventName } from './ids.ts';

export interface LockWish {
  readonly name: string;
  readonly ttlMs: number;
  readonly waitMs: number;
}

const longestMs = 86_400_000;
const shortestTtlMs = 100;

const invalid = (message: string): TuttiError => new TuttiError('INVALID_INPUT', { message });
const isBetween = (value: number, least: number): boolean => value >= least && value <= longestMs;

/** @throws {TuttiError} `INVALID_INPUT` */
export function readLockWish(name: string, { ttlMs = 30_000, waitMs = 5_000 }: Partial<LockWish>): LockWish {
  if (!isEventName(name))
    throw invalid(
      `A lock is named by words joined by dots, like reports.nightly; this is not: ${name.slice(0, 60)}`,
    );
  if (!isBetween(ttlMs, shortestTtlMs))
    throw invalid(`ttlMs of a lock is from ${String(shortestTtlMs)} to ${String(longestMs)} milliseconds`);
  if (!isBetween(waitMs, 0)) throw invalid(`waitMs of a lock is from 0 to ${String(longestMs)} milliseconds`);
  return { name, ttlMs, waitMs };
}
