/** What is broken of jobs that are ended with their process; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const journey = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/journeys/isolated-jobs'],
  name,
});
const dispatcher = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/services/store/job-dispatcher'],
  name,
});
const deaf = 'goes on is ended with its process: deaf';
const block = 'goes on is ended with its process: block';

export const isolationMutants: readonly Mutant[] = [
  {
    promise: 'isolated: a cancelled job that goes on is ended',
    file: 'src/processes/instance/job-notes.ts',
    find: "if (why !== 'timeout') this.#note(",
    replace: "if (why === 'lost') this.#note(",
    ...journey(deaf),
  },
  {
    promise: 'isolated: a cancelled job that holds its event loop is ended',
    file: 'src/services/store/isolated-runs.ts',
    find: 'if (clock.now() >= until && !isOver()) tellUnheard(',
    replace: 'if (clock.now() < 0) tellUnheard(',
    ...journey(block),
  },
  {
    promise: 'isolated: the supervisor ends whom the owner of the store names',
    file: 'src/processes/supervisor/call-watch.ts',
    find: 'slot?.epoch === instance.epoch && isolate !== undefined',
    replace: 'slot?.epoch !== instance.epoch && isolate !== undefined',
    ...journey(block),
  },
  {
    promise: 'isolated: a job that goes on after its time is ended',
    file: 'src/host/job-runs.ts',
    find: 'this.#watcher?.began(watched, limit.ms);',
    replace: '',
    ...journey('goes on after its time.*deaf once'),
  },
  {
    promise: 'isolated: when a job must have ended is written down before it can hold the event loop',
    file: 'src/host/job-runs.ts',
    find: 'const timer = this.#endAfter(limit, watched);',
    replace:
      'const timer = undefined as Timer | undefined;\n    setImmediate(() => this.#endAfter(limit, watched));',
    ...journey('goes on after its time.*block once'),
  },
  {
    promise: 'isolated: a job that ends by itself keeps its process',
    file: 'src/processes/instance/job-notes.ts',
    find: 'this.#runs.delete(keyOf(run));',
    replace: '',
    ...journey('its process lives when the job ends by itself'),
  },
  {
    promise: 'isolated: who hears that its job was cancelled is left to itself',
    file: 'src/services/store/isolated-runs.ts',
    find: 'if (await heard) return;',
    replace: 'await heard;',
    ...dispatcher('one that hears it is left to itself'),
  },
  {
    promise: 'isolated: a service that is not keeps its process',
    file: 'src/define/isolate.ts',
    find: 'if (given === undefined || given === false) return undefined;',
    replace: '',
    tests: ['tests/define/isolate'],
    name: 'a service says whether',
  },
  {
    promise: 'isolated: the end of its process is no crash',
    file: 'src/processes/supervisor/call-watch.ts',
    find: "{ type: 'kill', reason, evidence, then: 'restart' }",
    replace: "{ type: 'kill', reason, evidence }",
    ...journey('goes on is ended with its process|none of it counts as a crash'),
  },
  {
    promise: 'isolated: only the owner of the store has a process ended',
    file: 'src/processes/supervisor/instance-desk.ts',
    find: 'if (slots.get(id)?.service === storeService)',
    replace: 'if (slots.get(id) !== undefined)',
    tests: ['tests/processes/supervisor/instance-desk'],
    name: 'only the owner of the store',
  },
  {
    promise: 'isolated: nothing is begun behind a run that goes on',
    file: 'src/services/store/isolated-runs.ts',
    find: 'left.count - right.count',
    replace: 'right.count - left.count',
    ...dispatcher('nothing is begun behind one while another is free'),
  },
  {
    promise: 'isolated: the end of a run is waited for, whatever becomes of its job',
    file: 'src/services/store/job-delivery.ts',
    find: '[{ ...about, limitMs }, { deadlineMs: lastsMs(limitMs, isolate) }]',
    replace: '[{ ...about, limitMs }, { deadlineMs: limitMs, signal: abort.signal }]',
    ...dispatcher('keeps its place until it has ended'),
  },
  {
    promise: 'isolated: what is said after its time does not count',
    file: 'src/host/served-jobs.ts',
    find: "return isTuttiError(signal.reason, 'CALL_TIMED_OUT') ? howItFailed(signal.reason) : went;",
    replace: 'return went;',
    ...journey('what it gives within its grace'),
  },
  {
    promise: 'isolated: what a job asks of others has no more time than it has',
    file: 'src/host/served-jobs.ts',
    find: 'deadline: now + limitMs',
    replace: 'deadline: context.deadline',
    ...journey('what it gives within its grace'),
  },
  {
    promise: 'isolated: a service without jobs is not isolated',
    file: 'src/define/isolate.ts',
    find: 'if (Object.keys(queues).length === 0)',
    replace: 'if (Object.keys(queues).length < 0)',
    tests: ['tests/define/isolate'],
    name: 'what makes no sense of it',
  },
];
