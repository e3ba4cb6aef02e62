/** Times, counts and sizes as they stand in a sentence. Used by what explains; tables have the terser `cli/quantities`. */

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** `8 ms`, `2.5 s`, `48 s`, `12 min`, `3 h 05 min`, `4 days` */
export function spokenTime(ms: number): string {
  if (ms < second) return `${String(Math.max(0, Math.round(ms)))} ms`;
  if (ms < 10 * second) return `${(ms / second).toFixed(1)} s`;
  if (ms < 2 * minute) return `${String(Math.floor(ms / second))} s`;
  if (ms < 2 * hour) return `${String(Math.floor(ms / minute))} min`;
  if (ms >= 2 * day) return `${String(Math.floor(ms / day))} days`;
  return `${String(Math.floor(ms / hour))} h ${String(Math.floor((ms % hour) / minute)).padStart(2, '0')} min`;
}

/** `1st`, `2nd`, `11th` */
export function ordinal(count: number): string {
  const isTeen = count % 100 > 10 && count % 100 < 14;
  const ending = isTeen ? undefined : ['th', 'st', 'nd', 'rd'][count % 10];
  return `${String(count)}${ending ?? 'th'}`;
}

/** `1 instance`, `3 instances` */
export const counted = (count: number, noun: string): string =>
  `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
