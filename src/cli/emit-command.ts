/** `tutti emit`: one event into the running app. */
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { isEventName } from '../core/ids.ts';
import { parseJson, usage } from './parse-option.ts';
import { jsonOption } from './shared-options.ts';

const receivers = (count: number): string =>
  count === 0
    ? 'nobody: no ready service listens to it'
    : `${String(count)} instance${count === 1 ? '' : 's'}`;

async function emit({ args, options, io }: Invocation): Promise<Outcome> {
  const [event = '', text] = args;
  if (!isEventName(event))
    throw usage(`${event} is no name of an event; expected words joined by dots, like user.created`);
  const payload = parseJson(text, `npx tutti emit ${event} '{"id":1}'`) ?? {};
  const answer = await withApp(options.app, (app) =>
    app.post<{ delivered: number }>('/emit', { event, payload }),
  );
  io.out(
    options.json === true ? jsonText(answer) : `${event} was delivered to ${receivers(answer.delivered)}`,
  );
  return exit('ok');
}

export const emitCommand: CommandSpec = {
  name: 'emit',
  summary: 'Emit an event, as a service would',
  arguments: [
    { syntax: '<event>', words: 'its name' },
    { syntax: '[json]', words: 'its payload; default: {}' },
  ],
  options: [jsonOption],
  examples: [
    { line: `tutti emit user.created '{"id":1}'`, words: 'to whoever listens now' },
    { line: 'tutti emit cache.cleared', words: 'an event without a payload' },
  ],
  run: emit,
};
