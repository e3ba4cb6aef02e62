/** `tutti events`: the durable events of the app: what is kept, who has still to get it; has them delivered once more. */
import { checkLine } from './check-line.ts';
import type { DeedSpec } from './check-line.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { redrive, replay } from './events-change.ts';
import { tellDead, tellGroups, tellKept, tellTopics } from './events-looks.ts';
import { eventsOptions } from './events-options.ts';
import type { EventsAsk, EventsOptions } from './events-options.ts';
import { withApp } from './find-app.ts';
import type { Outcome } from './outcome.ts';
import { usage } from './parse-option.ts';

interface Deed extends DeedSpec {
  readonly options: readonly (keyof EventsOptions)[];
  readonly run: (ask: EventsAsk) => Promise<Outcome>;
}

const groups: Deed = { syntax: '', options: [], run: tellGroups };

const deeds: Readonly<Record<string, Deed>> = {
  topics: { syntax: '', options: [], run: tellTopics },
  groups,
  lag: groups,
  read: { syntax: '<event>', options: ['since', 'limit', 'after'], run: tellKept },
  dead: { syntax: '<service>', options: ['after'], run: tellDead },
  redrive: { syntax: '<service> [number]', options: [], run: redrive },
  replay: { syntax: '<service>', options: ['since', 'until', 'event'], run: replay },
};

function events(invocation: Invocation): Promise<Outcome> {
  const { args, io } = invocation;
  const [what = 'topics', of = '', number] = args;
  const deed = deeds[what];
  // The program has held it against the choices.
  if (deed === undefined) throw usage(`tutti events knows no ${what}`);
  checkLine(`events ${what}`, deed, invocation);
  const options = invocation.options as EventsOptions;
  return withApp(options.app, (app) => deed.run({ app, of, number, options, io }));
}

export const eventsCommand: CommandSpec = {
  name: 'events',
  summary: 'Look at the durable events that are kept, and have them delivered once more',
  details:
    '`topics` tells which events are kept, and who has still to get some; `groups`, or `lag`, how many each service has to come and how far it is behind; `read` shows the kept ones, oldest first, whoever has got them. `dead` tells which ones were given up and why, 250 at a time; `redrive` has them delivered once more. `replay` has a service get once more what was kept since a time, of the events that it subscribes to durably: the same ids, each key in its order, whether it is there or away. What is still to come is not doubled.',
  arguments: [
    { syntax: '[what]', words: 'what to do; without it: topics', choices: Object.keys(deeds) },
    { syntax: '[which]', words: 'of read an event; of dead, redrive and replay a service' },
    { syntax: '[number]', words: 'of redrive: only this event' },
  ],
  options: eventsOptions,
  examples: [
    { line: 'tutti events dead mailer', words: 'what was given up, and why' },
    {
      line: 'tutti events replay search --since 2h',
      words: 'all that search heard in the last two hours, once more',
    },
  ],
  run: events,
};
