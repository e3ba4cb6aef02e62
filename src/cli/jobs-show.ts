/** `tutti jobs show`: all that is stored of one job, the stack of why it failed too: who asks runs the app. */
import type { JobDetail } from '../core/job-view.ts';
import { escapeControls } from '../core/log-line.ts';
import { preciseMomentText } from '../core/moments.ts';
import type { AppConnection } from './app-connection.ts';
import { jsonText } from './io.ts';
import type { JobsAsk } from './jobs-options.ts';
import { plural, spanText, stateText } from './jobs-text.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { shellWord } from './shell-word.ts';

export const jobOf = (app: AppConnection, queue: string, id: string): Promise<JobDetail> =>
  app.get<JobDetail>(`/jobs/job?${new URLSearchParams({ queue, id }).toString()}`);

const nameWidth = 10;
const row = (name: string, text: string): string => `${name.padEnd(nameWidth)}${escapeControls(text)}`;
const block = (name: string, text: string): string[] => [
  name,
  ...text.split('\n').map((line) => `  ${escapeControls(line)}`),
];

function timeRows({ addedAt, dueAt, startedAt, endedAt }: JobDetail, now: number): string[] {
  const moment = (at: number): string => preciseMomentText(at, now);
  const took = startedAt === null || endedAt === null ? '' : `, after ${spanText(endedAt - startedAt)}`;
  return [
    row('added', moment(addedAt)),
    ...(dueAt === null ? [] : [row('due', `${moment(dueAt)}, in ${spanText(dueAt - now)}`)]),
    ...(startedAt === null ? [] : [row('started', moment(startedAt))]),
    ...(endedAt === null ? [] : [row('ended', `${moment(endedAt)}${took}`)]),
  ];
}

function linesOf(job: JobDetail, now: number): string[] {
  const { id, queue, attempts, priority, requestId, progress, input, result, reason, log } = job;
  const indented = (value: unknown): string => jsonText(value, 2);
  return [
    row('job', `${id} of ${queue}`),
    row('state', attempts === 0 ? stateText(job) : `${stateText(job)}, begun ${plural(attempts, 'time')}`),
    row('priority', String(priority)),
    ...timeRows(job, now),
    ...(requestId === null ? [] : [row('request', requestId)]),
    ...(progress === null ? [] : [row('progress', jsonText(progress))]),
    ...block('input', indented(input)),
    ...(result === null ? [] : block('result', indented(result))),
    ...(reason === null ? [] : block('reason', reason)),
    ...(log.length === 0 ? [] : ['log']),
    ...log.map(({ at, text }) => `  ${preciseMomentText(at, now)}  ${escapeControls(text)}`),
  ];
}

/** What is mostly done to one in that state. */
function nextOf({ state, dueAt, queue, id }: JobDetail): string | undefined {
  const named = `${queue} ${shellWord(id)}`;
  if (state === 'failed' || state === 'cancelled') return `Once more: npx tutti jobs retry ${named}`;
  if (state === 'running') return `To end it: npx tutti jobs cancel ${named}`;
  return dueAt === null ? undefined : `Not to wait for its time: npx tutti jobs promote ${named}`;
}

export async function showJob({ app, queue, second, options, io }: JobsAsk): Promise<Outcome> {
  const job = await jobOf(app, queue, second);
  if (options.json === true) {
    io.out(jsonText(job));
    return exit('ok');
  }
  for (const line of linesOf(job, Date.now())) io.out(line);
  const next = nextOf(job);
  if (next !== undefined) io.err(next);
  return exit('ok');
}
