/** `tutti jobs list` and `dead`: the jobs of a queue, page by page. */
import { escapeControls } from '../core/log-line.ts';
import type { JobListView, JobStateName, JobView } from '../core/job-view.ts';
import { momentText, preciseMomentText } from '../core/moments.ts';
import { jsonText } from './io.ts';
import type { JobsAsk } from './jobs-options.ts';
import { cutText, firstLine, plural, spanText, stateText } from './jobs-text.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import type { Cell } from './table.ts';
import { renderTable } from './table.ts';
import { shellWord } from './shell-word.ts';

const usualLimit = 20;
const mostInput = 40;
const mostNote = 80;
const mostId = 60;

function pageOf({ app, queue, options }: JobsAsk, state: JobStateName | undefined): Promise<JobListView> {
  const query = new URLSearchParams({
    ...{ queue, limit: String(options.limit ?? usualLimit) },
    ...(state === undefined ? {} : { state }),
    ...(options.after === undefined ? {} : { after: options.after }),
  });
  return app.get<JobListView>(`/jobs/list?${query.toString()}`);
}

/** What one wants to know of it next. */
function noteOf({ dueAt, startedAt, state, reason, progress }: JobView, now: number): string {
  const due = dueAt === null ? [] : [`due in ${spanText(dueAt - now)}`];
  const runs = state === 'running' && startedAt !== null ? [`for ${spanText(now - startedAt)}`] : [];
  const far = state === 'running' && progress !== null ? [`progress ${jsonText(progress)}`] : [];
  return [...due, ...runs, ...far, ...(reason === null ? [] : [firstLine(reason)])].join(', ');
}

function rowOf(job: JobView, now: number): Cell[] {
  const state = stateText(job);
  return [
    cutText(job.id, mostId),
    job.state === 'failed' ? { text: state, style: 'red' } : state,
    String(job.attempts),
    String(job.priority),
    momentText(job.addedAt, now),
    cutText(jsonText(job.input), mostInput),
    cutText(noteOf(job, now), mostNote),
  ];
}

function tellNext({ next }: JobListView, { queue, io }: JobsAsk, line: string): void {
  if (next !== null) io.err(`More: npx tutti jobs ${line.replace('<queue>', queue)} --after ${next}`);
}

function tellTable({ jobs }: JobListView, { queue, options, io }: JobsAsk): void {
  const which = options.state === undefined ? '' : ` that are ${options.state}`;
  const more = options.after === undefined ? '' : ' more';
  if (jobs.length === 0) {
    io.out(`${queue} has no${more} jobs${which}`);
    return;
  }
  const columns = [
    ...[{ title: 'ID' }, { title: 'STATE' }, { title: 'ATTEMPTS', isNumber: true }],
    ...[{ title: 'PRIORITY', isNumber: true }, { title: 'ADDED' }, { title: 'INPUT' }, { title: '' }],
  ];
  const rows = jobs.map((job) => rowOf(job, Date.now()));
  for (const line of renderTable({ columns, rows }, io.paint)) io.out(line);
}

export async function tellList(ask: JobsAsk): Promise<Outcome> {
  const { options, io, queue } = ask;
  const page = await pageOf(ask, options.state);
  if (options.json === true) {
    io.out(jsonText(page));
    return exit('ok');
  }
  tellTable(page, ask);
  const [failed] = page.jobs.filter(({ state }) => state === 'failed');
  if (failed !== undefined) io.err(`All of one: npx tutti jobs show ${queue} ${shellWord(failed.id)}`);
  tellNext(page, ask, `list <queue>${options.state === undefined ? '' : ` --state ${options.state}`}`);
  return exit('ok');
}

/** Those that failed, with the reason in full sentences and no table. */
export async function tellDead(ask: JobsAsk): Promise<Outcome> {
  const { options, io, queue } = ask;
  const page = await pageOf(ask, 'failed');
  if (options.json === true) {
    io.out(jsonText(page));
    return exit('ok');
  }
  if (page.jobs.length === 0)
    io.out(`${queue} has no${options.after === undefined ? '' : ' more'} failed jobs`);
  for (const { id, endedAt, attempts, input, reason } of page.jobs) {
    const when = endedAt === null ? '' : `${preciseMomentText(endedAt, Date.now())}  `;
    io.out(`${escapeControls(id)}  ${when}${cutText(jsonText(input), mostNote)}`);
    io.out(`    given up after ${plural(attempts, 'attempt')}: ${escapeControls(firstLine(reason ?? ''))}`);
  }
  if (page.jobs.length > 0) io.err(`Once the cause is mended: npx tutti jobs redrive ${queue}`);
  tellNext(page, ask, 'dead <queue>');
  return exit('ok');
}
