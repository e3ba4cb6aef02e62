/**
 * Moments as people at this machine read and type them: local time, with the date when it is not today's.
 * Used by what tells of events, and by the commands.
 */

const two = (value: number): string => String(value).padStart(2, '0');

const dayText = (moment: Date): string =>
  `${String(moment.getFullYear())}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;

const clock = (moment: Date): string =>
  `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;

/** `14:02:07`, or `2026-05-01 14:02:07` */
export function momentText(time: number, now: number): string {
  const moment = new Date(time);
  const isToday = dayText(moment) === dayText(new Date(now));
  return isToday ? clock(moment) : `${dayText(moment)} ${clock(moment)}`;
}

/** `14:02:07.113`: events of one crash lie milliseconds apart. */
export const preciseMomentText = (time: number, now: number): string =>
  `${momentText(time, now)}.${String(new Date(time).getMilliseconds()).padStart(3, '0')}`;

/** As `--since` and `--at` take it, in one word: `14:02:07`, or `2026-05-01T14:02:07` */
export const typedMoment = (time: number, now: number): string => momentText(time, now).replace(' ', 'T');
