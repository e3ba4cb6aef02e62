/** What is broken of the registry and of those who watch it; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const registry = 'src/processes/supervisor/registry.ts';
const told = 'if (isDeepStrictEqual(this.#services.get(plan.name), entry)) return;';
const without = (key: string): string => `const known = this.#services.get(plan.name);
    if (isDeepStrictEqual(known && { ...known, ${key}: undefined }, { ...entry, ${key}: undefined })) return;`;

const view = 'src/mesh/registry-view.ts';
const watchers = { tests: ['tests/processes/supervisor/watchers.test.ts'] };
const instances = { tests: ['tests/faults/registry-watchers.test.ts'] };
const watcher = { tests: ['tests/processes/supervisor/registry-watcher.test.ts'] };

export const registryMutants: readonly Mutant[] = [
  ...['calls', 'events', 'pool'].map((key) => ({
    promise: `R3 what a service is besides its instances is told when it changes: ${key}`,
    file: registry,
    find: told,
    replace: without(key),
    tests: ['tests/processes/supervisor/registry.test.ts'],
    name: `${key} of a service`,
  })),
  {
    promise: 'R3 a watcher that missed something does not go on as if it had not',
    file: view,
    find: "if (delta.previous !== this.#revision) return 'gap';",
    replace: "if (delta.previous < 0) return 'gap';",
    ...watcher,
  },
  {
    promise: 'R3 what came twice is not taken twice',
    file: view,
    find: "if (delta.revision <= this.#revision) return 'stale';",
    replace: "if (delta.revision <= 0) return 'stale';",
    ...watcher,
  },
  {
    promise: 'R3 a watcher never goes back',
    file: view,
    find: 'if (snapshot.revision < this.#revision) return;',
    replace: 'if (snapshot.revision < 0) return;',
    ...watcher,
  },
  {
    promise: 'R3 revisions of a successor are higher',
    file: registry,
    find: 'this.#revision = needs.generation * 2 ** 32;',
    replace: 'this.#revision = needs.generation;',
    ...watcher,
  },
  {
    promise: 'R3 who missed something asks for all of it',
    file: 'src/processes/instance/control-link.ts',
    find: "this.#hasAsked = this.send({ op: 'snapshot' });",
    replace: 'this.#hasAsked = false;',
    ...watchers,
  },
  {
    promise: 'R3 and asks once until it is answered',
    file: 'src/processes/instance/control-link.ts',
    find: 'if (!this.#hasAsked) this.#hasAsked',
    replace: 'this.#hasAsked',
    ...watchers,
  },
  {
    promise: 'R3 and again when it misses something again',
    file: 'src/processes/instance/control-link.ts',
    find: 'this.#hasAsked = false;\n      registry.replace(message.snapshot);',
    replace: 'registry.replace(message.snapshot);',
    ...watchers,
  },
  {
    promise: 'R3 a successor tells all at once who is there',
    file: 'src/processes/instance/control-link.ts',
    find: "if (message.op === 'welcome' || message.op === 'snapshot') {",
    replace: "if (message.op === 'snapshot') {",
    ...watchers,
  },
  {
    promise: 'R3 a successor knows who is there before the first of them is back',
    file: 'src/processes/supervisor/running-app.ts',
    find: 'for (const plan of this.plan.services.values()) this.registry.update(plan, this.slots.of(plan.name));',
    replace: 'void this.registry;',
    ...instances,
  },
  {
    promise: 'R3 instances come back to a successor',
    file: 'src/processes/instance/control-link.ts',
    find: 'if (this.#closed) return;\n    this.#retry',
    replace: 'if (!this.#closed) return;\n    this.#retry',
    ...instances,
  },
];
