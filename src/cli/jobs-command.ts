/** `tutti jobs`: the queues of the app and what is in them; adds jobs, looks at them, changes their course. */
import { checkLine } from './check-line.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { addJob } from './jobs-add.ts';
import {
  cancelJob,
  cleanQueue,
  drainQueue,
  pauseQueue,
  promoteJob,
  redriveQueue,
  removeJob,
  resumeQueue,
  retryJob,
} from './jobs-change.ts';
import { tellCounts } from './jobs-counts.ts';
import { tellDead, tellList } from './jobs-list.ts';
import { jobsOptions } from './jobs-options.ts';
import type { JobsAsk, JobsOptions } from './jobs-options.ts';
import { tellSchedules, unschedule } from './jobs-schedules.ts';
import { showJob } from './jobs-show.ts';
import { watchQueue } from './jobs-watch.ts';
import type { Outcome } from './outcome.ts';
import { usage } from './parse-option.ts';

interface Deed {
  /** As it is typed: what stands in `<>` must be said. */
  readonly syntax: '[queue]' | '<queue>' | '<queue> <id>' | '<queue> <name>' | "<queue> '<json>'";
  /** Beside `--json` and `--app`, which all take. */
  readonly options: readonly (keyof JobsOptions)[];
  readonly run: (ask: JobsAsk) => Promise<Outcome>;
}

const ofQueue = (run: Deed['run'], options: Deed['options'] = []): Deed => ({
  syntax: '<queue>',
  options,
  run,
});
const ofJob = (run: Deed['run'], options: Deed['options'] = []): Deed => ({
  syntax: '<queue> <id>',
  options,
  run,
});

const deeds: Readonly<Record<string, Deed>> = {
  counts: { syntax: '[queue]', options: [], run: tellCounts },
  list: ofQueue(tellList, ['state', 'limit', 'after']),
  show: ofJob(showJob),
  add: { syntax: "<queue> '<json>'", options: ['jobId', 'delay', 'priority'], run: addJob },
  cancel: ofJob(cancelJob, ['reason']),
  retry: ofJob(retryJob),
  promote: ofJob(promoteJob),
  remove: ofJob(removeJob),
  dead: ofQueue(tellDead, ['limit', 'after']),
  redrive: ofQueue(redriveQueue),
  pause: ofQueue(pauseQueue),
  resume: ofQueue(resumeQueue),
  drain: ofQueue(drainQueue),
  clean: ofQueue(cleanQueue, ['state', 'older']),
  schedules: ofQueue(tellSchedules),
  unschedule: { syntax: '<queue> <name>', options: [], run: unschedule },
  watch: ofQueue(watchQueue, ['untilEmpty']),
};

function jobs(invocation: Invocation): Promise<Outcome> {
  const { args, io } = invocation;
  const [what = 'counts', queue = '', second = ''] = args;
  const deed = deeds[what];
  // The program has held it against the choices.
  if (deed === undefined) throw usage(`tutti jobs knows no ${what}`);
  checkLine(`jobs ${what}`, deed, invocation);
  // Parsed by the options above, where `--after` is a text.
  const options = invocation.options as unknown as JobsOptions;
  return withApp(options.app, (app) => deed.run({ app, queue, second, options, io }));
}

export const jobsCommand: CommandSpec = {
  name: 'jobs',
  summary: 'Look at queues and their jobs, add some, change their course',
  details:
    '`list`, `show` and `dead` tell of jobs; `cancel`, `retry`, `promote` (not to wait for its time) and `remove` are about one; `redrive` has all that failed begun once more; `drain` forgets all that are pending, `clean` those that have ended. `schedules` tells what is added again and again, `unschedule` ends one of them. `watch` tells once a second how a queue gets done: on a terminal as one screen, elsewhere as a line, with --json as JSON; with --until-empty its exit code is 0 only when nothing is open.',
  arguments: [
    { syntax: '[what]', words: 'what to do; without it: how much there is', choices: Object.keys(deeds) },
    { syntax: '[queue]', words: 'of which queue; counts tells of all without it' },
    {
      syntax: '[which]',
      words:
        'the id of a job, of show, cancel, retry, promote and remove; of add its input, as JSON; of unschedule a name',
    },
  ],
  options: jobsOptions,
  examples: [
    { line: `tutti jobs add mail '{"to":"a@b.no"}' --delay 10s`, words: 'one more, not before then' },
    { line: 'tutti jobs watch mail --until-empty', words: 'until all is done' },
  ],
  run: jobs,
};
