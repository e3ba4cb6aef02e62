/** What is broken of the streams; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const mesh = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/mesh/streams.test.ts'],
  name,
});
const hostile = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/mesh/hostile-streams.test.ts'],
  name,
});
const http = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/services/gateway/streams.test.ts'],
  name,
});
const webSocket = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['tests/services/gateway/web-sockets.test.ts'],
  name,
});

export const streamMutants: readonly Mutant[] = [
  {
    promise: 'streams: how long one lasts does not make its service look slow',
    file: 'src/mesh/call-desk.ts',
    find: 'if (!served.isEvent && served.silenceMs === undefined) this.#note',
    replace: 'if (!served.isEvent) this.#note',
    ...mesh('is not how long a call takes'),
  },
  {
    promise: 'streams: a sender waits for credit',
    file: 'src/mesh/item-outbox.ts',
    find: 'return this.#window.has(frame.bytes) && this.#needs.carrier.hasRoom;',
    replace: 'return this.#needs.carrier.hasRoom;',
    ...mesh('a reader that stops costs'),
  },
  {
    promise: 'streams: a sender waits for room on its connection',
    file: 'src/mesh/item-outbox.ts',
    find: 'return this.#window.has(frame.bytes) && this.#needs.carrier.hasRoom;',
    replace: 'return this.#window.has(frame.bytes);',
    ...hostile('a reader that stops reading its connection'),
  },
  {
    promise: 'streams: items beyond the credit close the connection',
    file: 'src/core/stream-window.ts',
    find: "if (bytes > this.#credit) throw refuse('an item beyond the window');",
    replace: 'void refuse;',
    ...hostile('a caller that sends beyond its window'),
  },
  {
    promise: 'streams: credit that nobody can have is refused',
    file: 'src/core/stream-window.ts',
    find: "if (this.#credit > bounds.streamWindowBytes) throw refuse('more credit than a window');",
    replace: '',
    ...hostile('a caller that sends beyond its window'),
  },
  {
    promise: 'streams: what was read is granted again',
    file: 'src/mesh/item-inbox.ts',
    find: 'if (credit > 0 && !this.#isOver) this.#needs.grant(credit);',
    replace: 'void credit;',
    ...mesh('items come in order'),
  },
  {
    promise: 'streams: one that has begun is not made elsewhere',
    file: 'src/mesh/call-routes.ts',
    find: 'if (call.stream?.hasBegun === true) {',
    replace: 'if (call.stream?.hasBegun === false) {',
    ...mesh('before it has begun it goes elsewhere'),
  },
  {
    promise: 'streams: whoever leaves ends the other side',
    file: 'src/mesh/served-call.ts',
    find: 'this.stream?.fail(this.#reason);',
    replace: '',
    ...mesh('an abort ends it on both sides'),
  },
  {
    promise: 'streams: neither side waits for ever',
    file: 'src/mesh/patience.ts',
    find: 'else this.#exhausted();',
    replace: 'else void this.#exhausted;',
    ...mesh('silence of either side'),
  },
  {
    promise: 'streams: one on which nothing moves does not hold up a stop',
    file: 'src/mesh/stream-of-call.ts',
    find: 'return now - this.#movedAt >= bounds.streamQuietMs;',
    replace: 'return now < 0;',
    ...mesh('one that does not move is ended'),
  },
  {
    promise: 'streams: one that moves comes to its end though its instance stops',
    file: 'src/mesh/stream-of-call.ts',
    find: 'return now - this.#movedAt >= bounds.streamQuietMs;',
    replace: 'return now >= 0;',
    ...mesh('one that does not move is ended'),
  },
  {
    promise: 'streams: an error before the first item is an answer',
    file: 'src/host/streams.ts',
    find: 'if (readItem !== undefined || readYield === undefined) stream.begin(readItem !== undefined);',
    replace: 'stream.begin(readItem !== undefined);',
    ...http('an error before the first item'),
  },
  {
    promise: 'streams over HTTP: the gateway waits for its reader',
    file: 'src/services/gateway/stream-answers.ts',
    find: 'if (!response.write(format.item(item))) await this.#taken(response);',
    replace: 'if (!response.write(format.item(item))) void this.#taken;',
    ...http('a reader that does not read'),
  },
  {
    promise: 'N-69: an id forges no event',
    file: 'src/services/gateway/stream-format.ts',
    find: String.raw`if (typeof id !== 'string' || /[\0\r\n]/.test(id))`,
    replace: "if (typeof id !== 'string')",
    ...http('N-69'),
  },
  {
    promise: 'streams over HTTP: a reader goes on after what it has seen',
    file: 'src/services/gateway/route-input.ts',
    find: 'input[resume] = resumed.coerce(lastEventId);',
    replace: 'void resumed.coerce(lastEventId);',
    ...http('a reader that comes back'),
  },
  {
    promise: 'WebSockets: pages of others may not open one',
    file: 'src/services/gateway/web-sockets.ts',
    find: 'if (from === host?.toLowerCase()) return;',
    replace: 'if (from !== host) return;',
    ...webSocket('before it is a WebSocket'),
  },
  {
    promise: 'WebSockets: messages that nobody takes stay where they are',
    file: 'src/services/gateway/message-inbox.ts',
    find: 'if (this.#messages.length >= bounds.webSocketMessages) webSocket.pause();',
    replace: '',
    ...webSocket('messages that nobody takes'),
  },
];
