/** What is broken of following a queue; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

type Place = Pick<Mutant, 'file' | 'tests' | 'name'>;
const place =
  (file: string, test: string) =>
  (name: string): Place => ({ file, tests: [test], name });

const ring = place('src/core/job-events.ts', 'tests/core/job-events');
const engine = place('src/stores/sqlite/commit-rhythm.ts', 'tests/stores/sqlite/watched');
const watched = place('src/stores/sqlite/watched.ts', 'tests/stores/sqlite/watched');
const writer = place('src/stores/job-queue/job-writer.ts', 'tests/stores/job-queue/job-notes');
const notes = place('src/stores/job-queue/job-notes.ts', 'tests/stores/job-queue/job-notes');
const follows = place('src/services/store/job-follows.ts', 'tests/services/store/job-follows');
const question = place('src/mesh/job-events.ts', 'tests/host/job-events');
const iterator = place('src/host/job-events.ts', 'tests/host/job-events');
const journey = (file: string, name: string): Place => place(file, 'tests/journeys/job-events')(name);
const http = (file: string, name: string): Place =>
  place(`src/services/gateway/${file}.ts`, 'tests/services/gateway/job-events')(name);

export const jobEventsMutants: readonly Mutant[] = [
  {
    promise: 'events of a queue: behind a cursor nothing is passed over that was dropped',
    ...ring('beyond their number'),
    find: 'number >= this.#last - this.#events.size',
    replace: 'number >= 0',
  },
  {
    promise: 'events of a queue: they are bounded by their number',
    ...ring('beyond their number'),
    find: 'this.#events.size <= bounds.jobEvents &&',
    replace: 'this.#events.size >= 0 &&',
  },
  {
    promise: 'events of a queue: they are bounded by their bytes',
    ...ring('beyond their bytes'),
    find: '&& this.#bytes <= bounds.jobEventBytes',
    replace: '&& this.#bytes >= 0',
  },
  {
    promise: 'events of a queue: a cursor of another recording is none of this one',
    ...ring('a cursor of another recording'),
    find: 'origin !== this.#origin || !isKept',
    replace: '!isKept',
  },
  {
    promise: 'events of a queue: nothing comes twice',
    ...ring('who follows from the beginning'),
    find: 'this.#numberOf(cursor) + 1',
    replace: 'Math.max(1, this.#numberOf(cursor))',
  },
  {
    promise: 'a watched store: what is repeated, and what was undone, is not heard',
    ...watched('what was undone'),
    find: 'void changes.push(change)',
    replace: 'void watcher.hear([change])',
  },
  {
    promise: 'a watched store: changes are heard before whoever asked is answered',
    ...watched('in the order of their commit'),
    find: '      if (changes.length > 0) watcher.hear(changes);\n      mutation.resolve(value);\n',
    replace: '      mutation.resolve(value);\n      setImmediate(() => void watcher.hear(changes));\n',
  },
  {
    promise: 'a watched store: while nobody watches nothing can be noted',
    ...engine('while nobody watches'),
    find: 'watcher === undefined ? batch : batch.map((mutation) => watched(mutation, watcher))',
    replace:
      'batch.map((mutation) => watched(mutation, watcher ?? { wants: () => true, hear: () => undefined }))',
  },
  {
    promise: 'a watched store: who begins waits for the commit that is under way',
    ...engine('while a commit is being kept elsewhere'),
    find: '    await this.#keeping;\n  }\n\n  /** No commit',
    replace: '    await undefined;\n  }\n\n  /** No commit',
  },
  {
    promise: 'events of a queue: what is added is told',
    ...writer('a job is told from when'),
    find: "this.#note(noteOf('added', row, { at: this.#now }))",
    replace: 'void noteOf',
  },
  {
    promise: 'events of a queue: what is removed is told',
    ...writer('of many at once'),
    find: "this.#note(noteOf('removed', row, { at: this.#now }))",
    replace: 'void noteOf',
  },
  {
    promise: 'events of a queue: what is cleaned is told, one by one',
    ...writer('of many at once'),
    find: "      this.#note(noteOf('removed', removed, { at: this.#now }));\n",
    replace: '      void removed;\n',
  },
  {
    promise: 'events of a queue: a job whose row is damaged is told to have failed',
    ...writer('a job whose row is damaged'),
    find: "this.#note(noteOf('failed', failed,",
    replace: "void (noteOf('failed', failed,",
  },
  {
    promise: 'a watched store: what is made once more is noted once',
    file: 'src/stores/sqlite/watched.ts',
    find: '      changes.length = 0;\n',
    replace: '',
    tests: ['tests/stores/sqlite/watched'],
    name: 'what was undone is not heard',
  },
  {
    promise: 'events of a queue: of a queue that nobody follows nothing is noted',
    ...writer('other queues are not told'),
    find: 'return this.notes?.wants(queue) === true;',
    replace: "return this.notes !== undefined && queue !== '';",
  },
  {
    promise: 'events of a queue: the reason is that of this attempt',
    ...writer('a job is told from when'),
    find: 'reason: changes.reason }',
    replace: 'reason: row.reason }',
  },
  {
    promise: 'events of a queue: that its time has come is no event of a job',
    ...notes('that its time has come'),
    find: "(before.state < states.running ? undefined : 'again')",
    replace: "(before.state < states.waiting ? undefined : 'again')",
  },
  {
    promise: 'events of a queue: of a bug it is known that it is one',
    ...notes('a job is told from when'),
    find: 'isBug: isBug(reason)',
    replace: 'isBug: isBug(shortReason({ reason }) ?? "")',
  },
  {
    promise: 'events of a queue: a question waits for what happens',
    ...follows('a question is answered when'),
    find: 'this.#waiters.tell(anyOf(queue));',
    replace: 'void anyOf(queue);',
  },
  {
    promise: 'events of a queue: recording ends some time after the last question',
    ...follows('recording ends'),
    find: '      this.#followed.delete(queue);\n',
    replace: '',
  },
  {
    promise: 'events of a queue: recording goes on while somebody asks',
    ...follows('recording ends'),
    find: '    this.#stay(queue, followed);\n    return followed.ring.after',
    replace: '    return followed.ring.after',
  },
  {
    promise: 'events of a queue: those that are followed are bounded',
    ...follows('more queues than may'),
    find: 'size >= bounds.followedQueues',
    replace: 'size > 2 * bounds.followedQueues',
  },
  {
    promise: 'events of a queue: an owner that stops answers whoever waits',
    ...follows('an owner that stops'),
    find: '    this.#waiters.tellAll();\n',
    replace: '',
  },
  {
    promise: 'events of a queue: an answer is a page',
    ...follows('a page is what'),
    find: 'followed.ring.after(cursor, bounds.jobPage)',
    replace: 'followed.ring.after(cursor, bounds.jobEvents)',
  },
  {
    promise: 'events of a queue: the next question is for what came behind the last event',
    ...question('the next page when the last is taken'),
    find: '      after = event.cursor;\n',
    replace: '',
  },
  {
    promise: 'events of a queue: the owner hears that nobody waits any more',
    ...question('whoever leaves ends the open question'),
    find: 'withinMs + bounds.storeMs, signal)',
    replace: 'withinMs + bounds.storeMs, AbortSignal.any([]) ?? signal)',
  },
  {
    promise: 'events of a queue: whoever leaves ends the open question',
    ...iterator('whoever leaves ends the open question'),
    find: '      left.abort();\n',
    replace: '',
  },
  {
    promise: 'events of a queue: whoever has left hears nothing more of a page',
    ...iterator('a loop that is left'),
    find: '      if (hasLeft()) return none;\n      signal',
    replace: '      signal',
  },
  {
    promise: 'events of a queue: a signal ends it between events too',
    ...iterator('a signal ends it at once'),
    find: '      signal?.throwIfAborted();\n',
    replace: '',
  },
  {
    promise: 'events of a queue: what is no cursor is refused',
    ...iterator('what is no cursor'),
    find: 'after !== undefined && !isJobCursor(after)',
    replace: 'after !== undefined && !isJobCursor(after) && shown(after) === ""',
  },
  {
    promise: 'events of a queue: the death of the owner of the store is a gap',
    ...journey('src/services/store/job-follows.ts', 'the owner of the store dies'),
    find: 'if (followed === undefined) throw eventsLost(queue);',
    replace: 'if (followed === undefined) return [];',
  },
  {
    promise: 'events of a queue: nothing is recorded before somebody follows it',
    ...journey('src/services/store/job-follows.ts', 'nothing is recorded while nobody follows'),
    find: '    return this.#followed.has(queue);\n',
    replace: '    if (!this.#followed.has(queue)) this.#record(queue);\n    return true;\n',
  },
  {
    promise: 'events of a queue over HTTP: the cursor is the id',
    ...http('job-events', 'each event has its cursor'),
    find: '{ id: event.cursor }',
    replace: '{ id: event.type }',
  },
  {
    promise: 'events of a queue over HTTP: who comes back goes on behind the last one',
    ...http('job-actions', 'each event has its cursor'),
    find: "status: 200, resume: 'after' }",
    replace: 'status: 200 }',
  },
  {
    promise: 'events of a queue over HTTP: who comes back is connected at once',
    ...http('job-events', 'who comes back when nothing has happened'),
    find: '{ queue, after, withinMs: 0 }',
    replace: '{ queue, after, withinMs: 60_000 }',
  },
  {
    promise: 'events of a queue over HTTP: a client is told nothing of a bug',
    ...http('shown-job', 'what happens to jobs is told from now on'),
    find: 'isBug === true ? bugReason : reason',
    replace: 'isBug === true ? reason : reason',
  },
  {
    promise: 'events of a queue over HTTP: what is no cursor is refused',
    ...http('job-events', 'who may not ask'),
    find: 'after !== undefined && !isJobCursor(after)',
    replace: 'after !== undefined && !isJobCursor(after) && shown(after) === ""',
  },
  {
    promise: 'events of a queue over HTTP: who is gone is not waited for',
    ...http('followed-stream', 'nothing is asked while the reader'),
    find: 'AbortSignal.any([left.signal, gone])',
    replace: 'AbortSignal.any([left.signal])',
  },
];
