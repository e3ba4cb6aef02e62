/** What is broken of a gateway's patience with its clients; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const unread = 'src/services/gateway/unread-answers.ts';
const gateway = (file: string, name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: [`tests/services/gateway/${file}.test.ts`],
  name,
});

export const slowMutants: readonly Mutant[] = [
  {
    promise: 'G6 an answer that is not read is cut off',
    file: unread,
    find: 'if (now > until) this.#cutOff(response);',
    replace: 'if (now > 1_000 * until) this.#cutOff(response);',
    ...gateway('unread', 'cut off at its time'),
  },
  {
    promise: 'G6 a large answer has more time',
    file: unread,
    find: 'performance.now() + stallMs + (1_000 * bytes) / bytesPerSecond;',
    replace: 'performance.now() + stallMs + (0 * bytes) / bytesPerSecond;',
    ...gateway('unread', 'longer the larger'),
  },
  {
    promise: 'G6 answers that are not read have a bound',
    file: unread,
    find: 'if (this.#bytes <= this.#limits.bytes) return;',
    replace: 'if (this.#bytes > 0) return;',
    ...gateway('unread', 'no more than their bound'),
  },
  {
    promise: 'G6 what has been read makes room',
    file: unread,
    find: 'this.#bytes -= unread.bytes;',
    replace: 'this.#bytes -= 0;',
    ...gateway('unread', 'longer the larger'),
  },
  {
    promise: 'G6 an answer behind another one has its time later',
    file: unread,
    find: 'if (socket === null) {',
    replace: 'if (socket === undefined) {',
    ...gateway('unread', 'waits for its turn'),
  },
  {
    promise: 'G6 heads that come byte by byte are cut off',
    file: 'src/services/gateway/server.ts',
    find: 'headersTimeout: limits.headersMs,',
    replace: 'headersTimeout: 10 * limits.headersMs,',
    tests: ['tests/faults/slow-clients.test.ts'],
    name: 'heads that come byte by byte',
  },
  {
    promise: 'G7 an operator says how many connections there may be',
    file: 'src/services/gateway/server.ts',
    find: 'server.maxConnections = needs.maxConnections;',
    replace: 'server.maxConnections = 1 + needs.maxConnections;',
    ...gateway('connections', 'over the cap'),
  },
  {
    promise: 'G7 and they are closed in a real gateway',
    file: 'src/services/gateway/server.ts',
    find: 'server.maxConnections = needs.maxConnections;',
    replace: 'server.maxConnections = bounds.httpConnections;',
    tests: ['tests/faults/connection-flood.test.ts'],
  },
  {
    promise: 'G7 each that is turned away is counted',
    file: 'src/services/gateway/server.ts',
    find: 'needs.metrics.dropped += 1;',
    replace: 'needs.metrics.dropped = 1;',
    tests: ['tests/faults/connection-flood.test.ts'],
  },
];
