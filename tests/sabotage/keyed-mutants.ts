/** What is broken of the way to the store and of `Idempotency-Key`; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const client = (name: string): Pick<Mutant, 'file' | 'tests' | 'name'> => ({
  file: 'src/mesh/store-client.ts',
  tests: ['tests/mesh/store-client'],
  name,
});
const keyed = (name: string): Pick<Mutant, 'file' | 'tests' | 'name'> => ({
  file: 'src/services/gateway/idempotency.ts',
  tests: ['tests/journeys/idempotency'],
  name,
});

export const keyedMutants: readonly Mutant[] = [
  {
    promise: 'store: what is asked again is the same change',
    ...client('is asked again, as the same change'),
    find: "untilAnswered(withinMs, (deadlineMs) => call('mutate', change, { deadlineMs }))",
    replace:
      "untilAnswered(withinMs, (deadlineMs) => call('mutate', writeChange(ask, { origin, number: (changes += 1) }), { deadlineMs }))",
  },
  {
    promise: 'store: two clients have two origins',
    ...client('an origin of its own'),
    find: '{ origin, number: changes }',
    replace: "{ origin: '', number: changes }",
  },
  {
    promise: 'store: who asks has a deadline',
    ...client('not beyond its time'),
    find: 'clock.now() + waitMs >= deadline',
    replace: 'clock.now() + waitMs >= deadline + 5_000',
  },
  {
    promise: 'store: the file is owned by who comes next when its owner is killed',
    ...client('is asked again'),
    find: "  'INSTANCE_LOST',\n",
    replace: '',
  },
  {
    promise: 'keys: who asks again gets the first answer',
    ...keyed('gets the first answer'),
    find: 'if (kept.answer !== undefined) return again(kept.answer);',
    replace: 'if (kept.answer !== undefined) return this.#first(place, fingerprint, ask);',
  },
  {
    promise: 'keys: another request under the same key is refused',
    ...keyed('gets the first answer'),
    find: 'kept.fingerprint !== fingerprint',
    replace: "kept.fingerprint === ''",
  },
  {
    promise: 'keys: a hundred at once are one',
    ...keyed('a hundred at once'),
    find: 'ifAbsent: true,',
    replace: 'ifAbsent: false,',
  },
  {
    promise: 'keys: what failed by a bug may be asked again',
    ...keyed('an error of the action'),
    find: 'isTuttiError(error) && error.http < 500 &&',
    replace: 'isTuttiError(error) &&',
  },
  {
    promise: 'keys: a wrong input is not kept',
    ...keyed('an error of the action'),
    find: "  'INVALID_INPUT',\n",
    replace: '',
  },
  {
    promise: 'keys: an answer that cannot be kept is not made again',
    ...keyed('too large to be kept'),
    find: 'answer: isTooLarge ? null : kept',
    replace: 'answer: isTooLarge ? undefined : kept',
  },
];
