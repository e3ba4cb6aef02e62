/** What is broken of the registry and of those who watch it; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const registry = 'src/processes/supervisor/registry.ts';
const told = 'if (isDeepStrictEqual(this.#services.get(plan.name), entry)) return;';
const without = (key: string): string => `const known = this.#services.get(plan.name);
    if (isDeepStrictEqual(known && { ...known, ${key}: undefined }, { ...entry, ${key}: undefined })) return;`;

export const registryMutants: readonly Mutant[] = ['calls', 'events', 'pool'].map((key) => ({
  promise: `R3 what a service is besides its instances is told when it changes: ${key}`,
  file: registry,
  find: told,
  replace: without(key),
  tests: ['tests/processes/supervisor/registry.test.ts'],
  name: `${key} of a service`,
}));
