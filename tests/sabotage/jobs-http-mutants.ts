/** What is broken of the queues that a gateway shows; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const of =
  (file: string) =>
  (name: string): Pick<Mutant, 'tests' | 'name'> => ({ tests: [file], name });
const http = of('tests/services/gateway/jobs.test.ts');
const app = of('tests/define/check-app.test.ts');

const actions = 'src/services/gateway/job-actions.ts';
const door = 'src/services/gateway/job-door.ts';

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
    find: 'refuseUnknown(fields, known);',
    replace: 'void refuseUnknown;\n            void known;',
    ...http('a field that nobody reads'),
  },
  {
    promise: 'jobs over HTTP: a client sees no stack',
    file: door,
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
];
