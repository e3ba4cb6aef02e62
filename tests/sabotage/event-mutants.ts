/** What is broken of durable events; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const queue = (name: string): Pick<Mutant, 'file' | 'tests' | 'name'> => ({
  file: 'src/core/delivery-queue.ts',
  tests: ['tests/core/delivery-queue'],
  name,
});
const dispatcher = (name: string): Pick<Mutant, 'file' | 'tests' | 'name'> => ({
  file: 'src/services/store/event-dispatcher.ts',
  tests: ['tests/services/store/event-dispatcher'],
  name,
});

export const eventMutants: readonly Mutant[] = [
  {
    promise: 'events: how many are owed is counted when all is written',
    file: 'src/stores/event-log/event-writer.ts',
    find: '    this.#changed.add(receiver);\n',
    replace: '    if (this.#changed.size === 0) this.#changed.add(receiver);\n',
    tests: ['tests/stores/events-area'],
    name: 'how many are owed and dead',
  },
  {
    promise: 'events: what was given up is not done any more',
    file: 'src/stores/event-log/events-area.ts',
    find: "'DELETE FROM event_deliveries WHERE receiver = ? AND seq = ? AND is_dead = 0'",
    replace: "'DELETE FROM event_deliveries WHERE receiver = ? AND seq = ?'",
    tests: ['tests/stores/events-area'],
    name: 'how many are owed and dead',
  },
  {
    promise: 'events: of one key one is under way',
    ...queue('the next one waits for the one before'),
    find: 'busy.hasMore = true;',
    replace: 'this.#hold(delivery, until, true);',
  },
  {
    promise: 'events: none behind its key is forgotten',
    ...queue('is looked for in the store'),
    find: 'return hasMore ? delivery.key : undefined;',
    replace: 'return hasMore ? undefined : undefined;',
  },
  {
    promise: 'events: the urgent come first',
    ...queue('the urgent first'),
    find: 'for (let priority = highestPriority; priority >= 0; priority -= 1)',
    replace: 'for (let priority = 0; priority <= highestPriority; priority += 1)',
  },
  {
    promise: 'events: what is held is bounded',
    ...queue('is bounded'),
    find: 'return this.#held.size < this.#most;',
    replace: 'return this.#held.size <= this.#most;',
  },
  {
    promise: 'events: with nobody there nothing is asked',
    ...dispatcher('with nobody there'),
    find: 'registry.service(receiver)?.instances.length ?? 0',
    replace: 'registry.service(receiver)?.instances.length ?? 1',
  },
  {
    promise: 'events: no more are under way than are taken',
    ...dispatcher('no more are under way'),
    find: 'instances * concurrency()',
    replace: 'instances * 100 * concurrency()',
  },
  {
    promise: 'events: what nobody could take is no attempt',
    ...dispatcher('is no attempt'),
    find: 'notTried.has(error.code)',
    replace: "notTried.has('')",
  },
  {
    promise: 'events: it is given up after its attempts',
    ...dispatcher('is given up with its reason'),
    find: 'attempts >= policy.attempts || went.isUnfit',
    replace: 'attempts > policy.attempts || went.isUnfit',
  },
  {
    promise: 'events: what does not fit is tried once',
    ...dispatcher('what does not fit'),
    find: 'attempts >= policy.attempts || went.isUnfit',
    replace: 'attempts >= policy.attempts',
  },
  {
    promise: 'events: it is done when its handler has answered, and not before',
    ...dispatcher('what failed comes again'),
    find: 'went = await this.#call(event, policy.timeoutMs);',
    replace: 'went = null; void this.#call(event, policy.timeoutMs);',
  },
  {
    promise: 'events: a stop waits for what is under way',
    ...dispatcher('a stop waits'),
    find: 'if (this.#running === 0) this.#stopped.resolve(undefined);\n    return',
    replace: 'this.#stopped.resolve(undefined);\n    return',
  },
  {
    promise: 'events: `emit` goes on when it is stored',
    file: 'src/mesh/event-delivery.ts',
    find: "    await this.#kept.add('', input);",
    replace: "    void this.#kept.add('', input).catch(() => undefined);",
    tests: ['tests/faults/durable-events'],
    name: 'nothing acknowledged is lost',
  },
  {
    promise: 'events: the id is the same at every delivery',
    file: 'src/services/store/event-dispatcher.ts',
    find: 'idempotencyKey: id }',
    replace: 'idempotencyKey: String(attempts) + id }',
    tests: ['tests/journeys/durable-events'],
    name: 'of one key they come in order',
  },
  {
    promise: 'events: only services of ours may hand one over',
    file: 'src/host/durable-events.ts',
    find: '!isSystemService(call.caller.service)',
    replace: "call.caller.service === ''",
    tests: ['tests/host/durable-events'],
  },
  {
    promise: 'events: a durable one wants a store',
    file: 'src/define/check-app.ts',
    find: 'if (app.store !== undefined) return [];',
    replace: 'if (app.name !== undefined) return [];',
    tests: ['tests/define/check-app'],
    name: 'a durable event wants a store',
  },
];
