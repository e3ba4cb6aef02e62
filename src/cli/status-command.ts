/** `tutti status`: what runs, how it fares, and what is not as it should be. */
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { jsonOption } from './shared-options.ts';
import { renderStatus } from './status-table.ts';

async function status({ options, io }: Invocation): Promise<Outcome> {
  const found = await withApp(options.app, (app) => app.status());
  io.out(options.json === true ? jsonText(found) : renderStatus(found, io.paint, io.columns));
  return exit('ok');
}

export const statusCommand: CommandSpec = {
  name: 'status',
  summary: 'Show services and instances: state, pid, restarts, load',
  options: [jsonOption],
  examples: [
    { line: 'tutti status', words: 'a table, and below it what is not as it should be' },
    { line: 'tutti status --json', words: 'the same for programs' },
  ],
  run: status,
};
