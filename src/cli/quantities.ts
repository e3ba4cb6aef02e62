/** Times and sizes as a person reads them in a table: two figures that matter, and the unit. */

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const pair = (
  ms: number,
  [large, largeName]: [number, string],
  [small, smallName]: [number, string],
): string =>
  `${String(Math.floor(ms / large))}${largeName} ${String(Math.floor((ms % large) / small)).padStart(2, '0')}${smallName}`;

/** `45s`, `3m 05s`, `2h 10m`, `4d 03h` */
export function durationText(ms: number): string {
  if (ms < minute) return `${String(Math.max(0, Math.floor(ms / second)))}s`;
  if (ms < hour) return pair(ms, [minute, 'm'], [second, 's']);
  return ms < day ? pair(ms, [hour, 'h'], [minute, 'm']) : pair(ms, [day, 'd'], [hour, 'h']);
}

/** `0.4 s` */
export const secondsText = (ms: number): string => `${(ms / second).toFixed(1)} s`;

const units = ['B', 'KB', 'MB', 'GB', 'TB'];

/** `58 MB`, `1.2 GB` */
export function bytesText(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1_024 ** power;
  return `${value < 10 && power > 2 ? value.toFixed(1) : String(Math.round(value))} ${units[power] ?? ''}`;
}
