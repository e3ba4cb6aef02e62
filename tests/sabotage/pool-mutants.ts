/** What is broken of the pools; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const mesh = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/mesh/pools.test.ts'],
  name,
});
const core = (name: string): Pick<Mutant, 'tests' | 'name'> => ({ tests: ['tests/core/pool.test.ts'], name });
const journey = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/journeys/pools.test.ts'],
  name,
});

export const poolMutants: readonly Mutant[] = [
  {
    promise: 'pools: one call at a time',
    file: 'src/mesh/responder.ts',
    find: 'place: isOurs(action) ? undefined : place,',
    replace: 'place: isOurs(action) ? place : undefined,',
    ...mesh('runs one call at a time'),
  },
  {
    promise: 'pools: ours is answered beside the call that runs',
    file: 'src/mesh/responder.ts',
    find: 'place: isOurs(action) ? undefined : place,',
    replace: 'place,',
    ...mesh('ours is answered'),
  },
  {
    promise: 'pools: whoever is free first gets the next call',
    file: 'src/mesh/pool-lines.ts',
    find: 'for (const peer of this.#needs.peers.of(service)) {',
    replace: 'for (const peer of this.#needs.peers.of(service).slice(0, 1)) {',
    ...mesh('whoever is free first'),
  },
  {
    promise: 'pools: a place is not kept for ever',
    file: 'src/mesh/place.ts',
    find: 'this.#clock.after(bounds.poolPlaceMs,',
    replace: 'this.#clock.after(1_000 * bounds.poolPlaceMs,',
    ...mesh('stands still'),
  },
  {
    promise: 'pools: a spare is not called',
    file: 'src/mesh/peer-table.ts',
    find: 'peer.isSpare = instance.isSpare === true;',
    replace: 'peer.isSpare = false;',
    ...mesh('a spare is not asked'),
  },
  {
    promise: 'pools: a spare takes over',
    file: 'src/core/pool.ts',
    find: '[...ready.filter(serves), ...ready.filter((one) => !serves(one))]',
    replace: '(serving.length === 0 ? [...ready] : ready.filter(serves))',
    ...core('takes over for good'),
  },
  {
    promise: 'pools: a call that was ended for its limit is told as that',
    file: 'src/mesh/call-outcomes.ts',
    find: 'this.#needs.clock.now() - sentAt >= limitMs',
    replace: 'this.#needs.clock.now() - sentAt < 0',
    ...mesh('had been ended for it'),
  },
  {
    promise: 'pools: an endless call is ended',
    file: 'src/processes/supervisor/call-watch.ts',
    find: 'if (this.#needs.clock.now() < record.callEndsBy) return',
    replace: 'if (this.#needs.clock.now() > 0) return',
    ...journey('an endless call is ended'),
  },
  {
    promise: 'pools: a call is written down before it can hold the event loop',
    file: 'src/processes/instance/heartbeat.ts',
    find: 'if (this.#last !== undefined) this.#writer.write({ ...this.#last, ...this.#call });',
    replace: 'void this.#last;',
    ...journey('an endless call is ended'),
  },
  {
    promise: 'pools: the end of a call by its limit is no crash',
    file: 'src/processes/supervisor/call-watch.ts',
    find: "{ type: 'kill', reason, evidence, then: 'restart' }",
    replace: "{ type: 'kill', reason, evidence }",
    ...journey('an endless call is ended'),
  },
  {
    promise: 'pools: a call that was ended for its limit is not repeated',
    file: 'src/mesh/mesh-caller.ts',
    find: "const end: TryEnd = retryable ? { end: 'lost' }",
    replace: "const end: TryEnd = code !== '' ? { end: 'lost' }",
    ...journey('an endless call is ended'),
  },
  {
    promise: 'pools: work that holds the event loop ends when nobody waits for it',
    file: 'src/core/pool.ts',
    find: 'return unwanted < limit ?',
    replace: 'return unwanted < 0 ?',
    ...journey('nobody waits for any more'),
  },
  {
    promise: 'pools: work that was taken back ends',
    file: 'src/processes/instance/call-notes.ts',
    find: 'this.#needs.heartbeat.note({ callEndsBy: endsBy, callUnwanted: 1 });',
    replace: '',
    ...journey('nobody waits for any more'),
  },
  {
    promise: 'pools: a process that has served enough is replaced',
    file: 'src/processes/supervisor/call-watch.ts',
    find: 'if (calls < recycleAfter ||',
    replace: 'if (calls >= 0 ||',
    ...journey('has served enough'),
  },
];
