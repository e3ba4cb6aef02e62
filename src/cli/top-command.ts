/** `tutti top`: the app on a whole terminal, once a second. Leaves the terminal as it was. */
import type { EventPage, TuttiEvent } from '../core/events.ts';
import { isTuttiError } from '../core/errors.ts';
import type { AppConnection } from './app-connection.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { isTerminal, runLive } from './live-view.ts';
import type { LiveView } from './live-view.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { usage } from './parse-option.ts';
import { sortKeys, sortOfKey } from './sort-rows.ts';
import type { SortKey } from './sort-rows.ts';
import { renderTop } from './top-view.ts';

/** More than are shown: of some nothing is told. */
const newestEvents = 30;

/** One table is read for long: what happened last is asked for beside it, and may be missing for a moment. */
async function latestEvents(app: AppConnection, signal: AbortSignal): Promise<readonly TuttiEvent[]> {
  const path = `/events?limit=${String(newestEvents)}`;
  return (await app.get<EventPage>(path, { signal })).events;
}

function topView(app: AppConnection, { io, options }: Invocation): LiveView {
  let sort: SortKey = options.sort ?? 'name';
  let showsKeys = false;
  let events: readonly TuttiEvent[] = [];
  return {
    refresh: async (signal) => {
      try {
        events = await latestEvents(app, signal);
      } catch (error) {
        if (!isTuttiError(error)) throw error;
      }
    },
    draw: (look, size) => renderTop({ look, events, sort, showsKeys, size, paint: io.paint }),
    onKey: (key) => {
      const chosen = sortOfKey(key);
      // Whoever types what means nothing is looking for what does.
      showsKeys = chosen === undefined && !showsKeys;
      sort = chosen ?? sort;
    },
  };
}

async function top(invocation: Invocation): Promise<Outcome> {
  const { io, options } = invocation;
  if (!isTerminal())
    throw usage(
      'tutti top needs a terminal',
      'Without one: npx tutti status --watch, with --json for programs',
    );
  await withApp(options.app, async (app) => {
    const { app: name } = await app.status();
    if ((await runLive(app, topView(app, invocation))) === 'ended') io.out(`${name} has stopped.`);
  });
  return exit('ok');
}

export const topCommand: CommandSpec = {
  name: 'top',
  summary: 'Show all instances on the whole terminal, once a second',
  details:
    'Keys sort the rows, ? shows them; q or Ctrl-C ends it. It goes on when the supervisor is replaced, and ends with the app.',
  options: [{ flags: '--sort <column>', words: 'what comes first', choices: sortKeys }],
  examples: [
    { line: 'tutti top', words: 'in the order of the app file' },
    { line: 'tutti top --sort memory', words: 'the largest first' },
  ],
  run: top,
};
