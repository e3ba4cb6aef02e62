/** What is broken of the channels; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const of =
  (file: string) =>
  (name: string): Pick<Mutant, 'tests' | 'name'> => ({ tests: [file], name });
const mesh = of('tests/mesh/channels.test.ts');
const hostile = of('tests/mesh/hostile-channels.test.ts');
const host = of('tests/host/channels.test.ts');
const core = of('tests/core/channel.test.ts');
const journey = of('tests/journeys/channels.test.ts');

export const channelMutants: readonly Mutant[] = [
  {
    promise: 'channels: a message is sent when it was taken, and not when it has left',
    file: 'src/mesh/message-outbox.ts',
    find: 'carrier.send(next.frame);',
    replace: 'carrier.send(next.frame);\n      next.resolve();',
    ...mesh('a message is sent when'),
  },
  {
    promise: 'channels: what was in flight is told, and not sent again',
    file: 'src/mesh/message-outbox.ts',
    find: 'const messages = this.#carried?.inFlight.lost() ?? [];',
    replace:
      'const messages: Message[] = [];\n    this.#waiting.unshift(...(this.#carried?.inFlight.lost() ?? []));',
    ...mesh('with a policy another run goes on'),
  },
  {
    promise: 'channels: what was in flight when a process died is told to its sender, under load too',
    file: 'src/mesh/message-outbox.ts',
    find: 'this.#reject(messages, notTaken(end, wasTaken(end)));',
    replace: 'for (const message of messages) message.resolve();\n    void end;',
    ...journey('whoever kills the other side'),
  },
  {
    promise: 'channels: of a broken connection nothing is known',
    file: 'src/core/channel.ts',
    find: "end.from === undefined ? 'unknown' : 'no'",
    replace: "end.from === undefined ? 'no' : 'no'",
    ...mesh('without a policy the channel ends'),
  },
  {
    promise: 'channels: what the other side had not taken at its last word it never will',
    file: 'src/core/channel.ts',
    find: "end.from === undefined ? 'unknown' : 'no'",
    replace: "end.from === undefined ? 'unknown' : 'unknown'",
    ...mesh('an instance that stops'),
  },
  {
    promise: 'channels: receipts for what was not sent close the connection',
    file: 'src/core/channel.ts',
    find: "if (next === undefined || next.bytes > left) throw refuse('a receipt for a message that was not sent');",
    replace: 'if (next === undefined || refuse === undefined) break;',
    ...hostile('a caller that acknowledges'),
  },
  {
    promise: 'channels: those that wait are bounded',
    file: 'src/mesh/message-outbox.ts',
    find: 'if (this.#count >= bounds.channelMessages || this.#bytes + frame.bytes > bounds.channelBytes)',
    replace: 'if (this.#count < 0)',
    ...mesh('a reader that stops costs'),
  },
  {
    promise: 'channels: the bytes of those that wait are bounded',
    file: 'src/mesh/message-outbox.ts',
    find: ' || this.#bytes + frame.bytes > bounds.channelBytes',
    replace: '',
    ...mesh('a reader that stops costs'),
  },
  {
    promise: 'channels: of a message that has left nobody says that it was not taken',
    file: 'src/mesh/message-outbox.ts',
    find: "const executed = at < 0 ? 'unknown' : 'no';",
    replace: "const executed = at < 0 ? 'no' : 'no';",
    ...mesh('a message beyond its deadline'),
  },
  {
    promise: 'channels: a message that was not taken in time is not sent afterwards',
    file: 'src/mesh/message-outbox.ts',
    find: 'this.#waiting.splice(at, 1);',
    replace: 'void this.#waiting;',
    ...mesh('a message beyond its deadline'),
  },
  {
    promise: 'channels: closing tells the other side that there are no more',
    file: 'src/mesh/message-outbox.ts',
    find: 'carrier.say(makeFrame(frameKinds.end, stream));',
    replace: 'void stream;',
    ...mesh('messages go both ways'),
  },
  {
    promise: 'channels: closing does not wait for ever',
    file: 'src/mesh/channel-call.ts',
    find: "this.#end(new TuttiError('CALL_TIMED_OUT', { action: label, afterMs: deadlineMs }));",
    replace: 'void label;',
    ...mesh('closing waits for what was sent'),
  },
  {
    promise: 'channels: a message that is not what was declared gets no receipt',
    file: 'src/host/channels.ts',
    find: 'const result = await stream.items.next();',
    replace: 'const result = await stream.items.next();\n      stream.taken();',
    ...host('a message that is not what was declared'),
  },
  {
    promise: 'channels: a message that cannot be taken ends its channel',
    file: 'src/host/channels.ts',
    find: 'stream.fail(error as Error);',
    replace: '',
    ...host('a message that is not what was declared'),
  },
  {
    promise: 'channels: what was still checked at the end is not handed out',
    file: 'src/host/channels.ts',
    find: 'if (stream.endedBy !== undefined) throw stream.endedBy;\n      if (read',
    replace: 'if (read',
    ...host('a message that is still held'),
  },
  {
    promise: 'channels: what a handler throws is no loss',
    file: 'src/core/channel.ts',
    find: "(code === 'INSTANCE_LOST' && from === undefined)",
    replace: "(code === 'INSTANCE_LOST' && from !== '')",
    ...mesh('what a handler throws'),
  },
  {
    promise: 'channels: another run begins with what the policy says',
    file: 'src/mesh/channel-call.ts',
    find: 'const begin = input(loss);',
    replace: 'const begin = input(loss) && this.#needs.input;',
    ...mesh('with a policy another run goes on'),
  },
  {
    promise: 'channels: one that is closed during a try rests for no other one',
    file: 'src/mesh/channel-call.ts',
    find: 'if (this.#isUnwanted) return Promise.resolve();',
    replace: '',
    tests: ['tests/mesh/channel-call'],
    name: 'waits for no other one',
  },
  {
    promise: 'channels: whoever closes one that is away wants no other run',
    file: 'src/mesh/channel-call.ts',
    find: 'if (this.#isUnwanted) throw this.#cancelled ?? error;',
    replace: 'if (this.#cancelled !== undefined) throw this.#cancelled;',
    tests: ['tests/mesh/channel-call'],
    name: 'waits for no other one',
  },
  {
    promise: 'channels: what waits on one that is closed while it is away hears what the last try met',
    file: 'src/mesh/channel-call.ts',
    find: 'throw this.#cancelled ?? error;',
    replace: 'throw this.#cancelled ?? loss;',
    ...mesh('it is given up after its time'),
  },
  {
    promise: 'channels: opening again has an end',
    file: 'src/core/channel.ts',
    find: 'return now + afterMs <= until ? afterMs : undefined;',
    replace: 'return now + afterMs <= until + 60_000 ? afterMs : undefined;',
    ...core('the first try is at once'),
  },
  {
    promise: 'channels: whoever dies of what it is sent is not asked without a pause',
    file: 'src/core/channel.ts',
    find: 'openForMs < steadyMs ? before + 1 : 1',
    replace: 'openForMs < steadyMs ? 1 : before',
    ...core('a channel that was open for a while'),
  },
  {
    promise: 'channels: an instance that stops does not wait for them',
    file: 'src/host/actions.ts',
    find: 'isResumable: isChannel || described',
    replace: 'isResumable: described',
    ...journey('a rolling restart moves a channel on'),
  },
  {
    promise: 'channels: a handler that is still at work does not keep its caller when its instance stops',
    file: 'src/mesh/served-link.ts',
    find: 'if (served.isChannel === true && stream.hasBegun)',
    replace: 'if (served.isChannel === true && !stream.hasBegun)',
    ...mesh('an instance that stops'),
  },
  {
    promise: 'channels: whoever reads one as a stream is told',
    file: 'src/mesh/call-routes.ts',
    find: 'call.stream?.isChannel === !offer.isChannel',
    replace: 'call.stream === null',
    ...mesh('whoever takes an action for what it is not'),
  },
  {
    promise: 'channels: a route is refused by name',
    file: 'src/define/check-actions.ts',
    find: "message: 'a channel has no route; over HTTP take a two-way stream'",
    replace: "message: ''",
    ...host('a definition that is wrong'),
  },
];
