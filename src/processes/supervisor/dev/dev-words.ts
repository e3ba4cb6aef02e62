/**
 * What `tutti dev` says of changes, in sentences. Pure text.
 */
import { displayName } from '../../../core/ids.ts';
import { escapeControls } from '../../../core/log-line.ts';
import type { Paint } from '../../../core/paint.ts';
import type { PlanChanges } from './plan-changes.ts';

const mostFiles = 4;

export const fileList = (files: readonly string[]): string => {
  const shown = files.slice(0, mostFiles).join(', ');
  const more = files.length - mostFiles;
  return more > 0 ? `${shown} and ${String(more)} more` : shown;
};

export const nameList = (names: readonly string[]): string => names.map(displayName).join(', ');

/** Lines of source stay lines; all else that controls a terminal is shown. */
const safe = (text: string): string => text.split('\n').map(escapeControls).join('\n');

export function brokenText(files: readonly string[], problems: string, paint: Paint): string {
  const because = files.length === 0 ? '' : ` (${fileList(files)})`;
  return [
    `${paint('red', 'not restarted')}${because}: what runs stays until this is mended`,
    ...safe(problems)
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n');
}

/** For `status`: one line, whatever the excerpt. */
export const brokenNote = (problems: string): string =>
  `what is in the files is not what runs, until it is mended: ${problems.split('\n', 1)[0] ?? ''}`;

export const mendedText = (paint: Paint): string => `${paint('green', 'mended')}: all can be read again`;

/** `users, orders changed, mail added (tutti.ts)` */
export function changedText(
  changed: readonly string[],
  added: readonly string[],
  files: readonly string[],
): string {
  const parts = [
    ...(changed.length === 0 ? [] : [`${nameList(changed)} changed`]),
    ...(added.length === 0 ? [] : [`${nameList(added)} added`]),
  ];
  return parts.length === 0 ? `${fileList(files)} changed` : `${parts.join(', ')} (${fileList(files)})`;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
export const readyText = (head: string, tookMs: number, what: string): string =>
  `${head}: ${what} in ${seconds(tookMs)}`;
export const troubleText = (head: string, trouble: string, paint: Paint): string =>
  `${head}: ${paint('red', 'does not start')}: ${safe(trouble)}`;
export const waitingText = (head: string, waiting: string, paint: Paint): string =>
  `${head}: ${paint('yellow', 'not ready yet')}: ${safe(waiting)}`;

/** What the app file did beside starts and restarts. */
export function planLines(
  { removed, scaled, nextStart }: PlanChanges,
  countOf: (name: string) => number,
): string[] {
  return [
    ...(removed.length === 0 ? [] : [`${nameList(removed)} removed`]),
    ...scaled.map((name) => `${displayName(name)} scaled to ${String(countOf(name))}`),
    ...(nextStart.length === 0 ? [] : [`${nextStart.join(', ')}: another one from the next start on`]),
  ];
}
