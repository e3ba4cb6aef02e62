/** `tutti events`: every change of state of every instance that the supervisor remembers, oldest first. */
import { displayName } from '../core/ids.ts';
import type { InstanceState } from '../core/instance-state.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { jsonOption } from './shared-options.ts';
import { renderTable } from './table.ts';

interface Transition {
  readonly time: number;
  readonly instance: string;
  readonly from: InstanceState;
  readonly to: InstanceState;
  readonly reason: string;
}

async function events({ options, io }: Invocation): Promise<Outcome> {
  const found = await withApp(options.app, (app) => app.get<Transition[]>('/events'));
  if (options.json === true) {
    for (const event of found) io.out(jsonText(event));
    return exit('ok');
  }
  const columns = ['TIME', 'INSTANCE', 'FROM', 'TO', 'REASON'].map((title) => ({ title }));
  const rows = found.map(({ time, instance, from, to, reason }) => [
    new Date(time).toISOString().slice(11, 23),
    displayName(instance),
    from,
    to,
    reason,
  ]);
  io.out(renderTable({ columns, rows }, io.paint).join('\n'));
  return exit('ok');
}

export const eventsCommand: CommandSpec = {
  name: 'events',
  summary: 'List what happened to the instances, oldest first',
  options: [{ ...jsonOption, words: 'a JSON line each' }],
  examples: [
    { line: 'tutti events', words: 'time, instance, from, to, reason' },
    { line: `tutti events --json | grep '"to":"failed"'`, words: 'who was given up' },
  ],
  run: events,
};
