/** `tutti jobs cancel`, `retry`, `redrive`, `pause` and the like: what changes the course of jobs. */
import { endedStates } from '../core/job-view.ts';
import type { EndedState } from '../core/job-view.ts';
import { escapeControls } from '../core/log-line.ts';
import { jsonText } from './io.ts';
import { queueOf } from './jobs-counts.ts';
import type { JobsAsk } from './jobs-options.ts';
import { jobOf } from './jobs-show.ts';
import { plural, spanText, stateText } from './jobs-text.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { usage } from './parse-option.ts';

type Deed = (ask: JobsAsk) => Promise<Outcome>;

interface OneWords {
  /** `was cancelled` */
  readonly done: string;
  /** `only what is pending or running can be cancelled` */
  readonly only: string;
  readonly more?: (ask: JobsAsk) => object;
}

/** A change of one job; where it is in no state for it that is an error. */
const changeOne =
  (deed: string, { done, only, more = () => ({}) }: OneWords): Deed =>
  async (ask) => {
    const { app, queue, second, options, io } = ask;
    const wish = { queue, id: second, ...more(ask) };
    const answer = await app.post<{ changed: boolean }>(`/jobs/${deed}`, wish);
    if (options.json === true) io.out(jsonText(answer));
    else if (answer.changed) io.out(`Job ${escapeControls(second)} of ${queue} ${done}`);
    else {
      const state = stateText(await jobOf(app, queue, second));
      io.err(`Job ${escapeControls(second)} of ${queue} is ${state}: only ${only}`);
    }
    return exit(answer.changed ? 'ok' : 'failed');
  };

export const cancelJob = changeOne('cancel', {
  done: 'was cancelled',
  only: 'what is pending or running can be cancelled',
  more: ({ options: { reason } }) => (reason === undefined ? {} : { reason }),
});
export const retryJob = changeOne('retry', {
  done: 'is to be begun once more, with all its attempts',
  only: 'what failed or was cancelled can be retried',
});
export const promoteJob = changeOne('promote', {
  done: 'waits for its time no more',
  only: 'what is delayed can be promoted',
});
export const removeJob = changeOne('remove', {
  done: 'is forgotten',
  only: 'what does not run can be removed; cancel it first',
});

const setPaused =
  (deed: 'pause' | 'resume', words: (queue: string) => string): Deed =>
  async ({ app, queue, options, io }) => {
    const answer = await app.post<object>(`/jobs/${deed}`, { queue });
    io.out(options.json === true ? jsonText(answer) : words(queue));
    return exit('ok');
  };

export const pauseQueue = setPaused(
  'pause',
  (queue) => `${queue} is paused: what runs goes on, nothing is begun until npx tutti jobs resume ${queue}`,
);
export const resumeQueue = setPaused('resume', (queue) => `${queue} goes on`);

interface PageWish {
  readonly most?: number;
  readonly state?: EndedState;
  readonly olderThanMs?: number;
}

/** A request changes a page of them: however many there are, none takes long. */
async function changePages(
  { app, queue }: JobsAsk,
  deed: string,
  { most = Infinity, ...wish }: PageWish = {},
): Promise<number> {
  let count = 0;
  for (let isAll = false; !isAll && count < most;) {
    const page = await app.post<{ count: number; isAll: boolean }>(`/jobs/${deed}`, { queue, ...wish });
    count += page.count;
    isAll = page.isAll;
  }
  return count;
}

function tellCount({ options, io }: JobsAsk, count: number, words: string): Outcome {
  io.out(options.json === true ? jsonText({ count }) : words);
  return exit('ok');
}

/** Not those that fail again meanwhile. */
export async function redriveQueue(ask: JobsAsk): Promise<Outcome> {
  const { app, queue } = ask;
  const { counts } = await queueOf(app, queue);
  const count = await changePages(ask, 'redrive', { most: counts.failed });
  if (count === 0) return tellCount(ask, 0, `${queue} has no failed jobs`);
  return tellCount(
    ask,
    count,
    `${plural(count)} of ${queue} ${count === 1 ? 'is' : 'are'} to be begun once more`,
  );
}

export async function drainQueue(ask: JobsAsk): Promise<Outcome> {
  const count = await changePages(ask, 'drain');
  const words = `${plural(count)} of ${ask.queue} that ${count === 1 ? 'was' : 'were'} pending ${count === 1 ? 'is' : 'are'} forgotten`;
  return tellCount(ask, count, count === 0 ? `${ask.queue} has no pending jobs` : words);
}

export async function cleanQueue(ask: JobsAsk): Promise<Outcome> {
  const { queue, options } = ask;
  const { older = 0 } = options;
  const state = endedStates.find((one) => one === options.state);
  if (state === undefined)
    throw usage(
      'Say which: jobs that are done, failed or cancelled can be cleaned',
      `npx tutti jobs clean ${queue} --state done --older 1h`,
    );
  const count = await changePages(ask, 'clean', { state, olderThanMs: older });
  const age = older === 0 ? '' : ` for ${spanText(older)} or longer`;
  return tellCount(ask, count, `${plural(count)} of ${queue}, ${state}${age}, forgotten`);
}
