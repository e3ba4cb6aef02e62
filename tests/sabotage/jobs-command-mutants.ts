/** What is broken of `tutti jobs` and of its admin API; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const of =
  (file: string) =>
  (name: string): Pick<Mutant, 'tests' | 'name'> => ({ tests: [file], name });
const command = of('tests/cli/jobs.test.ts');
const pace = of('tests/cli/queue-pace.test.ts');
const routes = of('tests/processes/supervisor/job-routes.test.ts');
const words = of('tests/cli/words.test.ts');

export const jobsCommandMutants: readonly Mutant[] = [
  {
    promise: 'jobs command: who names a job writes no command',
    file: 'src/cli/shell-word.ts',
    find: 'plain.test(harmless)',
    replace: "harmless !== ''",
    ...command('who names a job'),
  },
  {
    promise: 'jobs command: who types the name of no queue makes no queue',
    file: 'src/processes/supervisor/job-routes.ts',
    find: 'if (names.includes(queue)) return { queue };',
    replace: 'if (names.includes(queue) || names.length > 0) return { queue };',
    ...routes('a queue is known'),
  },
  {
    promise: 'jobs command: a page of large jobs is a smaller page',
    file: 'src/core/fitting-page.ts',
    find: "if (!isTuttiError(error, 'PAYLOAD_TOO_LARGE') || limit === 1) throw error;",
    replace: 'if (isTuttiError(error) || limit > 0) throw error;',
    ...routes('a page that is more than one message'),
  },
  {
    promise: 'jobs command: a change about many says whether there are more',
    file: 'src/processes/supervisor/job-routes.ts',
    find: 'isAll: count < bounds.jobPage',
    replace: 'isAll: true',
    ...routes('a change that is about many'),
  },
  {
    promise: 'jobs command: a field is held against what it may be',
    file: 'src/core/job-fields.ts',
    find: 'most: highestPriority',
    replace: 'most: 100 * highestPriority',
    ...routes('a field that is not'),
  },
  {
    promise: 'jobs command: the operator asks until the store answers',
    file: 'src/processes/supervisor/operator.ts',
    find: 'withinMs: storeMs',
    replace: 'withinMs: storeMs / 400',
    ...command('a job is added though the owner'),
  },
  {
    promise: 'jobs command: an input is held against the schema of its queue',
    file: 'src/cli/jobs-add.ts',
    find: 'if (problems.length === 0) return;',
    replace: 'if (problems.length >= 0) return;',
    ...command('a job is added, held against'),
  },
  {
    promise: 'jobs command: the name of a job does nothing to a terminal',
    file: 'src/cli/jobs-add.ts',
    find: 'const id = escapeControls(answer.id);',
    replace: 'const id = answer.id;',
    ...command('a job with a name'),
  },
  {
    promise: 'jobs command: who runs the app sees the stack',
    file: 'src/cli/jobs-show.ts',
    find: "block('reason', reason)",
    replace: "block('reason', reason.split('\\n', 1)[0] ?? '')",
    ...command('what failed is told'),
  },
  {
    promise: 'jobs command: a change that was not made is no success',
    file: 'src/cli/jobs-change.ts',
    find: "return exit(answer.changed ? 'ok' : 'failed');",
    replace: "return exit('ok');",
    ...command('a running job is cancelled'),
  },
  {
    promise: 'jobs command: an option that is not heard is refused',
    file: 'src/cli/check-line.ts',
    find: 'if (!always.has(option) &&',
    replace: "if (option === 'none' &&",
    ...command('what does not fit together'),
  },
  {
    promise: 'jobs command: whoever waits for an empty queue is not told that it is when it is not',
    file: 'src/cli/jobs-watch.ts',
    find: "options.untilEmpty === true && end !== 'empty'",
    replace: "options.untilEmpty === true && end === 'ended'",
    ...command('who waits for a queue to be empty'),
  },
  {
    promise: 'jobs command: a screen ends once there is nothing more to see',
    file: 'src/cli/live-view.ts',
    find: '    if (view.isOver?.() === true) enough.abort();\n',
    replace: '',
    ...command('watch on a terminal'),
  },
  {
    promise: 'jobs command: the pace is that of runs, not of what is kept of them',
    file: 'src/cli/queue-pace.ts',
    find: 'view.ends?.done ?? 0',
    replace: 'view.counts.done',
    ...pace('what is kept of ended jobs'),
  },
  {
    promise: 'jobs command: the pace is that of the last seconds',
    file: 'src/cli/queue-pace.ts',
    find: 'const windowMs = 5_000;',
    replace: 'const windowMs = 500_000;',
    ...pace('what is kept of ended jobs'),
  },
  {
    promise: 'jobs command: a new owner of the store counts from 0',
    file: 'src/cli/queue-pace.ts',
    find: 'return isNewOwner ? [next] :',
    replace: 'return isNewOwner && looks.length < 0 ? [next] :',
    ...pace('a new owner'),
  },
  {
    promise: 'jobs command: completion knows options of two words',
    file: 'src/cli/completion.ts',
    find: '/--[a-z-]+/',
    replace: '/--[a-z]+/',
    ...words('completion knows every command'),
  },
  {
    promise: 'jobs command: what the store counts of jobs is at /metrics',
    file: 'src/services/store/store.ts',
    find: '      ...jobs.metrics(),\n',
    replace: '',
    ...command('jobs are counted at /metrics'),
  },
];
