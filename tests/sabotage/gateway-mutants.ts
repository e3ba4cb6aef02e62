/** What is broken of a gateway that stops, and of what has no file descriptor left; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const drain = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/services/gateway/drain.test.ts'],
  name,
});
const edge = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/faults/edge.test.ts'],
  name,
});
const guard = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/os/accept-guard.test.ts'],
  name,
});

const stop = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/faults/gateway-stop.test.ts'],
  name,
});

export const gatewayMutants: readonly Mutant[] = [
  {
    promise: 'a stop under load cuts no connection that is idle for a moment',
    file: 'src/services/gateway/drain-server.ts',
    find: 'if (server.listening) NetServer.prototype.close.call(server);',
    replace: 'if (server.listening) (NetServer, server.close());',
    ...stop('stopped under load'),
  },
  {
    promise: 'a stop waits for clients that are held up',
    file: 'src/services/gateway/drain-server.ts',
    find: 'isRelieved() ? keepAliveMs : lingerMs',
    replace: '(void isRelieved, void keepAliveMs, lingerMs)',
    ...stop('held up'),
  },
  {
    promise: 'while it stops a gateway says with the last answer that it is the last',
    file: 'src/services/gateway/request-handler.ts',
    find: 'this.#needs.isDraining() && connection.response',
    replace: 'connection.isLeaving && connection.response',
    ...stop('stopped under load'),
  },
  {
    promise: 'a stop waits for a head that has begun to come',
    file: 'src/services/gateway/connections.ts',
    find: ' && this.socket.bytesRead === this.#restedBytes',
    replace: '',
    ...drain('a head that has begun'),
  },
  {
    promise: 'a stop waits for an answer that is being read',
    file: 'src/services/gateway/connections.ts',
    find: 'return this.inFlight === 0 && !this.isUpgraded && this.socket.bytesRead === this.#restedBytes;',
    replace: 'return this.inFlight === 0 || this.response?.writableEnded === true;',
    ...drain('an answer whose reader is slow'),
  },
  {
    promise: 'a stop answers all that came on a connection',
    file: 'src/services/gateway/request-handler.ts',
    find: ' && connection.response === response',
    replace: '',
    ...drain('requests in a row that came before'),
  },
  {
    promise: 'what comes behind the last answer is not done',
    file: 'src/services/gateway/connections.ts',
    find: ' || connection.isLeaving) return undefined;',
    replace: ') return undefined;',
    ...drain('what is sent behind the last answer'),
  },
  {
    promise: 'an answer is not reset by what its client still sends',
    file: 'src/services/gateway/connections.ts',
    find: `    socket.destroySoon = () => {
      this.leave(connection);
    };`,
    replace: '',
    ...drain('an answer to a body|what is sent behind'),
  },
  {
    promise: 'an idle connection is kept where another gateway goes on',
    file: 'src/services/gateway/drain-server.ts',
    find: 'isRelieved() ? keepAliveMs : lingerMs',
    replace: 'lingerMs',
    ...drain('where another gateway goes on'),
  },
  {
    promise: 'an idle connection is not kept where no other gateway goes on',
    file: 'src/services/gateway/gateway.ts',
    find: 'some((other) => slotId(other) !== instance)',
    replace: 'some((other) => slotId(other) !== "")',
    ...drain('where the others stop too'),
  },
  {
    promise: 'a client that does not close its side is cut',
    file: 'src/services/gateway/connections.ts',
    find: '}, bounds.httpLingerMs);',
    replace: '}, 20 * bounds.httpLingerMs);',
    ...drain('a client that does not close'),
  },
  {
    promise: 'M8 whom a process without a descriptor turns away is counted',
    file: 'src/os/accept-guard.ts',
    find: `      if (!this.#areLeft) count();`,
    replace: `      if (this.#areLeft) count();`,
    ...guard('while none is left'),
  },
  {
    promise: 'M8 the gateway counts',
    file: 'src/services/gateway/server.ts',
    find: "needs.accepts.watch(server, 'http');",
    replace: '',
    ...edge('M8 a gateway'),
  },
  {
    promise: 'M8 the mesh counts',
    file: 'src/mesh/transport/unix.ts',
    find: "accepts?.watch(server, 'mesh');",
    replace: '',
    ...edge('M8 the mesh'),
  },
  {
    promise: 'M8 the control socket counts',
    file: 'src/processes/supervisor/control-server.ts',
    find: "this.#accepts.watch(this.#server, 'control');",
    replace: '',
    ...edge('M8 the mesh'),
  },
  {
    promise: 'M8 who takes the last descriptor is noticed at once',
    file: 'src/os/accept-guard.ts',
    find: 'if (this.#connections + roomy >= this.#limit) this.look();',
    replace: '',
    ...guard('near the limit'),
  },
  {
    promise: 'M8 an accept that fails ends nobody',
    file: 'src/os/accept-guard.ts',
    find: "server.on('error', (error: NodeJS.ErrnoException) => {",
    replace: "server.on('errors', (error: NodeJS.ErrnoException) => {",
    ...guard('an accept that fails'),
  },
  {
    promise: 'M8 one descriptor is not enough to take connections again',
    file: 'src/os/accept-guard.ts',
    find: ': this.#fill(margin)) this.#find();',
    replace: ': this.#canOpen()) this.#find();',
    ...guard('while none is left'),
  },
  {
    promise: 'N-55 a path that cannot be decoded is told so',
    file: 'src/services/gateway/router.ts',
    find: 'onBadUrl: never',
    replace: 'onBadUrl: (void never, undefined)',
    tests: ['tests/services/gateway/hostile-requests.test.ts'],
    name: 'N-55 /say',
  },
  {
    promise: 'an answer that has no content says nothing of it',
    file: 'src/services/gateway/request-handler.ts',
    find: 'const isFull = hasContent(status);',
    replace: 'const isFull = (void hasContent, true);',
    tests: ['tests/services/gateway/requests.test.ts'],
    name: 'an answer without content',
  },
];
