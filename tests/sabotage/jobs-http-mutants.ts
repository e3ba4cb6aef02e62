/** What is broken of the queues that a gateway shows; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const of =
  (file: string) =>
  (name: string): Pick<Mutant, 'tests' | 'name'> => ({ tests: [file], name });
const http = of('tests/services/gateway/jobs.test.ts');
const app = of('tests/define/check-app.test.ts');

const progress = of('tests/services/gateway/job-progress.test.ts');

const actions = 'src/services/gateway/job-actions.ts';
const door = 'src/services/gateway/job-door.ts';
const desk = 'src/services/store/job-desk.ts';
const following = 'src/services/gateway/job-progress.ts';

export const jobsHttpMutants: readonly Mutant[] = [
  {
    promise: 'jobs over HTTP: only a queue that the app file names is shown',
    file: actions,
    find: 'queues.includes(queue)',
    replace: "(queues.includes(queue) || queue !== '')",
    ...http('a queue that the app file does not name'),
  },
  {
    promise: 'jobs over HTTP: a field that nobody reads is refused',
    file: 'src/services/gateway/own-jobs.ts',
    find: 'refuseUnknown(fields, names);\n          return door.do(',
    replace: 'void names;\n          return door.do(',
    ...http('a field that nobody reads'),
  },
  {
    promise: 'jobs over HTTP: a client sees no stack',
    file: 'src/services/gateway/shown-job.ts',
    find: 'reason: publicReason(view)',
    replace: 'reason: (publicReason, view.reason)',
    ...http('of why a job failed'),
  },
  {
    promise: 'jobs over HTTP: what does not fit is not stored',
    file: door,
    find: 'if (issues.length > 0)',
    replace: 'if (issues.length < 0)',
    ...http('what does not fit'),
  },
  {
    promise: 'jobs over HTTP: what has ended is not cancelled',
    file: door,
    find: '(await this.#store.mutate(wish, deadlineMs)) === null',
    replace: "(await this.#store.mutate(wish, deadlineMs)) === 'never'",
    ...http('a running job is cancelled'),
  },
  {
    promise: 'jobs over HTTP: who adds it goes along with the job',
    file: door,
    find: 'writeKept(input, context, limit)',
    replace: 'writeKept(input, {}, limit)',
    ...http('whoever asks is found out first'),
  },
  {
    promise: 'jobs over HTTP: to add twice is not to add once, unless a key says so',
    file: actions,
    find: "new Set(['add', 'retry'])",
    replace: "new Set(['retry'])",
    ...http('a request with an Idempotency-Key'),
  },
  {
    promise: 'jobs over HTTP: a schema that refers to itself does so inside of another',
    file: actions,
    find: "key === '$ref' && value === '#' ? reference : value",
    replace: 'value',
    ...http('an input schema that refers to itself'),
  },
  {
    promise: 'jobs over HTTP: a queue without a worker is not shown',
    file: 'src/define/check-gateway-jobs.ts',
    find: '!known.includes(queue)',
    replace: 'known.length < 0',
    ...app('a queue that nobody of the app'),
  },
  {
    promise: 'jobs over HTTP: where a queue is shown no action has its route',
    file: 'src/define/check-gateway-jobs.ts',
    find: '`${http.path}/`.startsWith(`${place}/`)',
    replace: 'http.path === place',
    ...app('where a gateway shows a queue'),
  },
  {
    promise: 'jobs over HTTP: a schema that cannot be read refuses nothing',
    file: 'src/define/fits-schema.ts',
    find: '    return nothing;\n',
    replace: "    return () => [{ path: '', message: 'cannot be read' }];\n",
    ...of('tests/define/fits-schema.test.ts')('a schema that says what cannot be read'),
  },
  {
    promise: 'a job that is followed: its steps are told',
    file: desk,
    find: "if (name === 'progress') this.#changes.tell",
    replace: "if (name === 'never') this.#changes.tell",
    ...progress('a job is followed from where it is'),
  },
  {
    promise: 'a job that is followed: that it began is told',
    file: 'src/services/store/job-dispatcher.ts',
    find: '      this.#needs.changed(job.id);\n',
    replace: '',
    ...of('tests/services/store/job-dispatcher.test.ts')('each begin of a job'),
  },
  {
    promise: 'a job that is followed: that it failed and is begun once more is told',
    file: 'src/services/store/job-dispatcher.ts',
    find: '        changed(job.id);\n',
    replace: '',
    ...of('tests/services/store/job-dispatcher.test.ts')('each begin of a job'),
  },
  {
    promise: 'a job that is followed: its end is told',
    file: desk,
    find: '    this.#changes.tell(job);\n',
    replace: '',
    ...progress('a job that is forgotten meanwhile'),
  },
  {
    promise: 'a job that is followed: the stream ends with it',
    file: following,
    find: 'if (change.job.ended !== null) return;',
    replace: 'if (change.job.ended === 0) return;',
    ...progress('the result is told at the end'),
  },
  {
    promise: 'a job that is followed: a client sees no stack',
    file: 'src/services/gateway/shown-job.ts',
    find: 'reason: publicReason(view)',
    replace: 'reason: (publicReason, view.reason)',
    ...progress('each attempt is told'),
  },
  {
    promise: 'a job that is followed: what it was given is not told at each change',
    file: 'src/services/gateway/shown-job.ts',
    find: '({ ...jobOf(row), input: undefined })',
    replace: '({ ...jobOf(row) })',
    ...progress('a job is followed from where it is'),
  },
  {
    promise: 'a job that is followed: the time of the reader is kept',
    file: following,
    find: 'Math.min(sliceMs, until - clock.now())',
    replace: 'sliceMs + 0 * until',
    ...progress('a reader who names a time'),
  },
  {
    promise: 'a job that is followed: who is gone is not waited for',
    file: following,
    find: 'withinMs + bounds.storeMs, signal)',
    replace: 'withinMs + bounds.storeMs)',
    ...progress('nothing is asked while the reader'),
  },
  {
    promise: 'a job that is followed: another owner of the store is asked as the first was',
    file: 'src/mesh/store-client.ts',
    find: "  'INSTANCE_LOST',\n",
    replace: '',
    ...of('tests/journeys/job-progress.test.ts')('the owner of the store dies'),
  },
  {
    promise: 'those who wait for jobs are bounded',
    file: 'src/services/store/job-waiters.ts',
    find: 'this.#size >= bounds.jobWaiters',
    replace: 'this.#size > 2 * bounds.jobWaiters',
    ...of('tests/services/store/job-waiters.test.ts')('beyond the bound'),
  },
  {
    promise: 'whoever waits for a job and leaves gives his place back',
    file: 'src/services/store/job-waiters.ts',
    find: "    signal.addEventListener('abort', done);\n",
    replace: '',
    ...of('tests/services/store/job-waiters.test.ts')('a wait is over with its time'),
  },
  {
    promise: 'schedules over HTTP: each is what it is',
    file: door,
    find: 'rows.map(scheduleOf)',
    replace: 'rows.slice(1).map(scheduleOf)',
    ...http('schedules are listed by name'),
  },
  {
    promise: 'a job that is followed: a question that outlived an owner of the store is answered in time',
    file: 'src/services/store/store.ts',
    find: 'waitMs(input.input.withinMs, remainingMs())',
    replace: 'waitMs(input.input.withinMs, remainingMs() + 60_000)',
    ...progress('a question for the next change'),
  },
];
