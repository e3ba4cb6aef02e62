/** `tutti jobs`: what there is in each queue, and whether anything of it is begun. */
import type { QueueView } from '../core/job-view.ts';
import type { AppConnection } from './app-connection.ts';
import { jsonText } from './io.ts';
import type { JobsAsk } from './jobs-options.ts';
import { countColumns, haltText } from './jobs-text.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import type { Cell } from './table.ts';
import { renderTable } from './table.ts';

/** @throws {TuttiError} `NOT_FOUND` with what was probably meant. */
export const queueOf = (app: AppConnection, queue: string, signal?: AbortSignal): Promise<QueueView> =>
  app.get<QueueView>(`/jobs/queue?${new URLSearchParams({ queue }).toString()}`, { signal });

/** In the order of the columns. */
export function countCells({ counts }: Pick<QueueView, 'counts'>): Cell[] {
  const { waiting, delayed, running, done, failed, cancelled } = counts;
  const failedCell: Cell = failed === 0 ? '0' : { text: String(failed), style: 'red' };
  return [String(waiting), String(delayed), String(running), String(done), failedCell, String(cancelled)];
}

const rowOf = (view: QueueView): Cell[] => [
  view.queue,
  ...countCells(view),
  { text: haltText(view), style: 'yellow' },
];

function tellTable(views: readonly QueueView[], { io }: JobsAsk): void {
  const columns = [{ title: 'QUEUE' }, ...countColumns, { title: '' }];
  for (const line of renderTable({ columns, rows: views.map(rowOf) }, io.paint)) io.out(line);
  const failed = views.find(({ counts }) => counts.failed > 0);
  if (failed !== undefined) io.err(`Why they failed: npx tutti jobs list ${failed.queue} --state failed`);
  const paused = views.find(({ isPaused }) => isPaused);
  if (paused !== undefined) io.err(`To go on: npx tutti jobs resume ${paused.queue}`);
}

export async function tellCounts(ask: JobsAsk): Promise<Outcome> {
  const { app, queue, options, io } = ask;
  const views = queue === '' ? await app.get<QueueView[]>('/jobs') : [await queueOf(app, queue)];
  if (options.json === true) io.out(jsonText(queue === '' ? views : views[0]));
  else if (views.length === 0) io.out('There is no queue: no service does jobs, and none was ever added');
  else tellTable(views, ask);
  return exit('ok');
}
