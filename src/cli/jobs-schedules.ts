/** `tutti jobs schedules` and `unschedule`: what is added to a queue again and again, and when next. */
import type { ScheduleView } from '../core/job-view.ts';
import { escapeControls } from '../core/log-line.ts';
import { momentText } from '../core/moments.ts';
import { jsonText } from './io.ts';
import type { JobsAsk } from './jobs-options.ts';
import { cutText, spanText } from './jobs-text.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import type { Cell } from './table.ts';
import { renderTable } from './table.ts';

const mostName = 40;
const mostInput = 40;

function whenText({ cron, everyMs, timeZone }: ScheduleView): string {
  if (everyMs !== null) return `every ${spanText(everyMs)}`;
  return `${cron ?? ''} ${timeZone ?? 'UTC'}`;
}

function rowOf(schedule: ScheduleView, now: number): Cell[] {
  const { name, nextAt, lastAt, missed, overlap, input } = schedule;
  return [
    cutText(name, mostName),
    cutText(whenText(schedule), mostName),
    nextAt === null ? { text: 'ticks no more', style: 'red' } : momentText(nextAt, now),
    lastAt === null ? 'never' : momentText(lastAt, now),
    ...[missed, overlap],
    cutText(jsonText(input), mostInput),
  ];
}

export async function tellSchedules({ app, queue, options, io }: JobsAsk): Promise<Outcome> {
  const schedules = await app.get<ScheduleView[]>(
    `/jobs/schedules?${new URLSearchParams({ queue }).toString()}`,
  );
  if (options.json === true) io.out(jsonText(schedules));
  else if (schedules.length === 0) io.out(`${queue} has no schedules`);
  else {
    const titles = ['SCHEDULE', 'WHEN', 'NEXT', 'LAST', 'MISSED', 'OVERLAP', 'INPUT'];
    const columns = titles.map((title) => ({ title }));
    const rows = schedules.map((one) => rowOf(one, Date.now()));
    for (const line of renderTable({ columns, rows }, io.paint)) io.out(line);
  }
  return exit('ok');
}

export async function unschedule({ app, queue, second, options, io }: JobsAsk): Promise<Outcome> {
  const { changed } = await app.post<{ changed: boolean }>('/jobs/unschedule', { queue, name: second });
  const name = escapeControls(second);
  if (options.json === true) io.out(jsonText({ changed }));
  else if (changed) io.out(`${name} of ${queue} ticks no more; what it has added stays`);
  else io.err(`${queue} has no schedule ${name}: npx tutti jobs schedules ${queue}`);
  return exit(changed ? 'ok' : 'failed');
}
