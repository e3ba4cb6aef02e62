/** What is broken of jobs; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

type Place = Pick<Mutant, 'file' | 'tests' | 'name'>;

const turns = (name: string): Place => ({
  file: 'src/stores/job-queue/job-turns.ts',
  tests: ['tests/stores/jobs-area'],
  name,
});
const adding = (name: string): Place => ({ ...turns(name), file: 'src/stores/job-queue/job-adding.ts' });
const wishes = (name: string): Place => ({ ...turns(name), file: 'src/stores/job-queue/job-wishes.ts' });
const retention = (name: string): Place => ({
  ...turns(name),
  file: 'src/stores/job-queue/job-retention.ts',
});
const dispatcher = (name: string): Place => ({
  file: 'src/services/store/job-dispatcher.ts',
  tests: ['tests/services/store/job-dispatcher'],
  name,
});
const names = (name: string): Place => ({
  file: 'src/stores/job-queue/job-table.ts',
  tests: ['tests/stores/job-names'],
  name,
});
const host = (name: string, tests: string): Place => ({
  file: 'src/host/served-jobs.ts',
  tests: [tests],
  name,
});
const batch = (name: string): Place => ({
  file: 'src/mesh/turn-batch.ts',
  tests: ['tests/mesh/turn-batch'],
  name,
});
const journey = 'tests/journeys/jobs';
const facade = 'tests/journeys/job-facade';

export const jobMutants: readonly Mutant[] = [
  {
    promise: 'jobs: what has ended by the time of a commit is one change',
    file: 'src/services/store/job-dispatcher.ts',
    find: '      ends = this.#ends;\n      this.#ends = [];\n',
    replace: '      ends = this.#ends.splice(0, 1);\n',
    tests: ['tests/services/store/job-dispatcher'],
    name: 'is written by one',
  },
  {
    promise: 'jobs: only the run that has it ends it',
    ...turns('only the run that has the job'),
    find: 'job?.state === states.running && job.run === run',
    replace: 'job?.state === states.running',
  },
  {
    promise: 'jobs: what did not run has used up no attempt',
    ...turns('has used up no attempt'),
    find: 'attempts: attempts - 1',
    replace: 'attempts',
  },
  {
    promise: 'jobs: the urgent first',
    ...turns('the urgent come first'),
    find: '1 ORDER BY priority DESC, place LIMIT',
    replace: '1 ORDER BY place LIMIT',
  },
  {
    promise: 'jobs: never early',
    ...turns('is not begun before it'),
    find: "'due <= ? ORDER BY",
    replace: "'due <= ? + 1000 ORDER BY",
  },
  {
    promise: 'jobs: a rate is kept, by a new owner too',
    ...turns('than the rate allows'),
    find: 'const taken = isOpen ? row.taken : 0;',
    replace: 'const taken = 0;',
  },
  {
    promise: 'jobs: a paused queue begins none',
    ...turns('a paused queue begins none'),
    find: 'if (row.is_paused === 1)',
    replace: 'if (row.is_paused === 2)',
  },
  {
    promise: 'jobs: of two with one name one is added',
    ...adding('of two with one name'),
    find: 'id === null ? undefined : findJobById(',
    replace: 'id !== null ? undefined : findJobById(',
  },
  {
    promise: 'jobs: deduplication ends',
    ...adding('deduplication ends'),
    find: '!isEnded(last.state)',
    replace: 'true',
  },
  {
    promise: 'jobs: a number is never given twice',
    ...{ ...turns('a number is never given twice'), file: 'src/stores/sqlite/numbering-writer.ts' },
    find: "this.get('SELECT seq FROM sqlite_sequence WHERE name = ?', this.#table)",
    replace: "this.get('SELECT max(seq) AS seq FROM job_records')",
  },
  {
    promise: 'jobs: what is to come is bounded',
    ...adding('as many open ones as it may have'),
    find: 'open + asked.length > bounds.openJobs',
    replace: 'open > bounds.openJobs + 100',
  },
  {
    promise: 'jobs: an end is final',
    ...wishes('until it has ended'),
    find: 'if (isEnded(job.state)) return null;',
    replace: '',
  },
  {
    promise: 'jobs: what keeps others out stays',
    ...retention('not while it keeps others'),
    find: "'(dedup_until IS NULL OR dedup_until <= ?)'",
    replace: "'(dedup_until IS NULL OR dedup_until > ? - 1e15)'",
  },
  {
    promise: 'jobs: a text that is cut is no damage',
    ...{ ...turns('cut within a character'), file: 'src/stores/sqlite/stored-text.ts' },
    find: '.toWellFormed()',
    replace: '',
  },
  {
    promise: 'jobs: a damaged row holds up no other',
    ...{ ...turns('a damaged row holds up no other'), file: 'src/stores/job-queue/job-writer.ts' },
    find: 'if (isSound(jobs, row))',
    replace: '',
  },
  {
    promise: 'jobs: counts are exact',
    ...{ ...turns('counts are what a look'), file: 'src/stores/job-queue/job-writer.ts' },
    find: 'this.#count(row.queue, before.state, -1);',
    replace: '',
  },
  {
    promise: 'jobs: what one of them told meanwhile stays',
    ...{ ...turns('told of its progress stays, and'), file: 'src/stores/job-queue/job-writer.ts' },
    find: 'AND run = ? AND progress IS ?`',
    replace: 'AND run = ? AND ? IS NULL`',
  },
  {
    promise: 'jobs: a run that has ended is not ended once more, whoever has its row',
    ...{ ...turns('told of its progress stays, and'), file: 'src/stores/job-queue/job-writer.ts' },
    find: '`seq = ? AND state = $',
    replace: '`seq = ? AND state >= $',
  },
  {
    promise: 'jobs: counts are written after all that is counted',
    ...{ ...turns('counts are what a look'), file: 'src/stores/sqlite/mutation-run.ts' },
    find: 'for (const writer of this.#writers.values()) writer.finish();',
    replace: 'for (const writer of [...this.#writers.values()].slice(1)) writer.finish();',
  },
  {
    promise: 'jobs: those of one handler and turn go as one change, and handlers share none',
    ...batch('handlers share nothing'),
    find: 'const context = currentContext();',
    replace: 'const context = undefined;',
  },
  {
    promise: 'jobs: where there is room for some, those are added',
    ...batch('room for some only'),
    find: 'isFull && waiting.length > 1',
    replace: 'isFull && waiting.length > 1e9',
  },
  {
    promise: 'jobs: no more go in one change than it may have',
    ...batch('no more go together'),
    find: 'batch.waiting.length >= bounds.batchItems || ',
    replace: '',
  },
  {
    promise: 'jobs: no more run than the workers take',
    ...dispatcher('no more run than'),
    find: 'Math.min(bounds.jobsAtOnce, limit, instances * concurrency)',
    replace: 'Math.min(bounds.jobsAtOnce, instances * concurrency)',
  },
  {
    promise: 'jobs: what nobody could take is no attempt',
    ...dispatcher('has used up no attempt'),
    find: 'notTried.has(error.code)',
    replace: "notTried.has('')",
  },
  {
    promise: 'jobs: attempts end',
    ...dispatcher('until it has failed'),
    find: 'attempts >= manifest.attempts',
    replace: 'attempts > manifest.attempts',
  },
  {
    promise: 'jobs: an end is not lost while the store takes nothing',
    ...dispatcher('cannot be written now'),
    find: 'this.#ends.unshift(...ends);',
    replace: '',
  },
  {
    promise: 'jobs: a stop leaves what runs to the next owner',
    ...dispatcher('a stop begins nothing more'),
    find: 'if (this.#hasEnded) return;\n    this.#ends.push',
    replace: 'this.#ends.push',
  },
  {
    promise: 'jobs: after a stop nothing is waited for',
    ...dispatcher('after a stop'),
    find: '    this.#hasEnded = true;\n    this.#timer?.cancel();',
    replace: '    this.#hasEnded = true;',
  },
  {
    promise: 'jobs: a new owner takes over what runs',
    ...dispatcher('an owner before it'),
    find: 'else void this.#run(job, slot);',
    replace: 'else void this.#run(job);',
  },
  {
    promise: 'jobs: a run that has lost its job is told to end',
    ...host('has lost its job', facade),
    find: 'runs.abort(job, error);',
    replace: 'void error;',
  },
  {
    promise: 'jobs: the ends that are kept are bounded',
    ...{ ...host('the last ends are kept', 'tests/host/job-runs'), file: 'src/host/job-runs.ts' },
    find: 'this.#ended.size > bounds.jobEnds || ',
    replace: '',
  },
  {
    promise: 'jobs: what became of a run is not kept for ever',
    ...{ ...host('is forgotten with it', 'tests/host/job-runs'), file: 'src/host/job-runs.ts' },
    find: 'for (const { stopListening } of all) stopListening();',
    replace: '',
  },
  {
    promise: 'jobs: one that waits for a run that is given back is told so',
    ...{ ...host('an instance that stops gives back', 'tests/host/job-runs'), file: 'src/host/job-runs.ts' },
    find: 'for (const { reject } of leave(run)) reject(error);',
    replace: 'leave(run);',
  },
  {
    promise: 'jobs: the end of a run that nobody waited for is told by who stops',
    ...{ ...host('who stops tells the store himself', 'tests/host/job-runs'), file: 'src/host/job-runs.ts' },
    find: '        run.waiters.delete(waiter);\n',
    replace: '',
  },
  {
    promise: 'jobs: one without a name is found in its own queue only',
    ...names('in its own queue only'),
    find: "'seq = ? AND queue = ?', Number(id), queue)",
    replace: "'seq = ?', Number(id))",
  },
  {
    promise: 'jobs: what is no number that was given finds nothing',
    ...names('in its own queue only'),
    find: 'return found?.id === id ? found : undefined;',
    replace: 'return found;',
  },
  {
    promise: 'jobs: no name is given twice, in an old store either',
    ...names('a store from before'),
    find: "'queue = ? AND id = ? AND id <> CAST(seq AS TEXT)'",
    replace: "'queue = ? AND id = ? AND id = CAST(seq AS TEXT)'",
  },
  {
    promise: 'jobs: among many one is found by its name without a search',
    ...names('without a search'),
    find: "'queue = ? AND id = ? AND id <> CAST(seq AS TEXT)'",
    replace: "'queue = ? AND id = ?'",
  },
  {
    promise: 'jobs: a stop waits for no search',
    ...dispatcher('while runs are still looked for'),
    find: 'if (this.#isRecovering) this.#end();',
    replace: 'if (this.#hasEnded) this.#end();',
  },
  {
    promise: 'jobs: who lives and is not ready is waited for',
    ...{ ...dispatcher('is waited for: it may have'), file: 'src/services/store/held-runs.ts' },
    find: 'living?.every((slot) => asked.has(slot)) === true',
    replace: 'asked.size > 0',
  },
  {
    promise: 'jobs: the death of the owner repeats nothing',
    ...{ ...host('the owner of the store dies', journey), file: 'src/host/job-runs.ts' },
    find: "if (isTuttiError(reason, 'CALL_TIMED_OUT')) run.abort.abort(reason);",
    replace: 'run.abort.abort(reason);',
  },
  {
    promise: 'jobs: what runs at a stop is given back',
    ...{ ...host('a stopped worker', journey), file: 'src/host/host.ts' },
    find: 'if (!isDone) await runs.release(',
    replace: 'if (isDone) await runs.release(',
  },
  {
    promise: 'jobs: who stops tells the end of a run that nobody asks for',
    ...{ ...host('who stops tells the store himself', 'tests/host/job-runs'), file: 'src/host/job-runs.ts' },
    find: 'if (went !== undefined && !run.isHeard)',
    replace: 'if (went === undefined)',
  },
  {
    promise: 'jobs: who stops waits for what it runs though the store has no owner',
    ...{ ...host('a draining worker is asked', journey), file: 'src/host/host.ts' },
    find: 'runs.drain(signal)]',
    replace: 'true]',
  },
  {
    promise: 'jobs: attempts decide when a job whose worker dies is given up',
    ...dispatcher('three kills of one job|five kills of one job'),
    tests: [journey],
    find: 'attempts >= manifest.attempts)',
    replace: 'attempts > manifest.attempts)',
  },
  {
    promise: 'jobs: who adds to a full queue hears that it is',
    file: 'src/mesh/store-client.ts',
    tests: ['tests/mesh/store-client'],
    name: 'what is full is told at once',
    find: " && error.data['isFull'] !== true",
    replace: '',
  },
  {
    promise: 'jobs: the size of an input is bounded',
    file: 'src/mesh/kept-event.ts',
    tests: ['tests/journeys/job-bounds'],
    name: 'an input that is too large',
    find: 'Buffer.byteLength(text) <= limitBytes',
    replace: 'text.length > 0',
  },
  {
    promise: 'jobs: the size of a progress is bounded',
    file: 'src/host/job-handling.ts',
    tests: ['tests/journeys/job-bounds'],
    name: 'a progress that is too large',
    find: 'Buffer.byteLength(text) <= limitBytes',
    replace: 'text.length > 0',
  },
  {
    promise: 'jobs: a signal ends a wait',
    file: 'src/host/unless-aborted.ts',
    tests: ['tests/host/jobs.test'],
    name: 'a signal ends a wait at once',
    find: "signal.addEventListener('abort', onAbort, { once: true });",
    replace: '',
  },
  {
    promise: 'jobs: a page that is too large is a shorter one',
    file: 'src/core/fitting-page.ts',
    tests: [journey],
    name: 'a page of jobs that are large together',
    find: '|| limit === 1) throw error;',
    replace: '|| limit > 0) throw error;',
  },
  {
    promise: 'jobs: input that does not fit fails at once',
    ...host('an earlier release', facade),
    find: 'isFinal: unfit.has(error)',
    replace: 'isFinal: false',
  },
  {
    promise: 'jobs: others see no stack',
    ...{ ...host('has no stack', facade), file: 'src/core/stored-job.ts' },
    find: "reason?.split('\\n', 1)[0]",
    replace: 'reason ?? undefined',
  },
  {
    promise: 'jobs: what is added fits its schema',
    ...{ ...host('is not added, and the answer says where', facade), file: 'src/host/job-checks.ts' },
    find: 'if (issues === undefined) return next();',
    replace: 'if (issues !== null) return next();',
  },
];
