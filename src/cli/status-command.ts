/** `tutti status`: what runs, how it fares, and what is not as it should be; once, or once a second. */
import type { AppConnection } from './app-connection.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { jsonText } from './io.ts';
import { isTerminal, runLive } from './live-view.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { jsonOption } from './shared-options.ts';
import { renderStatus } from './status-table.ts';
import { untilSignal } from './until-signal.ts';
import { silenceText, watchStatus } from './watch-status.ts';
import type { Look } from './watch-status.ts';

function screenLines(look: Look, width: number, { io }: Invocation): string[] {
  const silence = silenceText(look);
  const lines = renderStatus(look.status, io.paint, width).split('\n');
  return silence === undefined ? lines : [...lines, '', `  ${io.paint('yellow', silence)}`];
}

/** Into a pipe: a block each second, or a line of JSON. */
async function printAgainAndAgain(
  app: AppConnection,
  { io, options }: Invocation,
): Promise<'ended' | 'enough'> {
  using enough = untilSignal();
  let isSilent = false;
  for await (const look of watchStatus(app, enough.signal)) {
    const silence = silenceText(look);
    if (silence !== undefined && !isSilent) io.err(`tutti: ${silence}`);
    isSilent = silence !== undefined;
    // A reader that is slow is spared a look: the next one says more.
    if (isSilent || process.stdout.writableNeedDrain) continue;
    io.out(
      options.json === true ? jsonText(look.status) : `${renderStatus(look.status, io.paint, io.columns)}\n`,
    );
  }
  return enough.signal.aborted ? 'enough' : 'ended';
}

async function watch(app: AppConnection, invocation: Invocation): Promise<void> {
  const { io, options } = invocation;
  const { app: name } = await app.status();
  const onScreen = options.json !== true && isTerminal();
  const end = onScreen
    ? await runLive(app, { draw: (look, { columns }) => screenLines(look, columns, invocation) })
    : await printAgainAndAgain(app, invocation);
  if (end === 'ended') io.err(`${name} has stopped.`);
}

async function status(invocation: Invocation): Promise<Outcome> {
  const { options, io } = invocation;
  await withApp(options.app, async (app) => {
    if (options.watch === true) {
      await watch(app, invocation);
      return;
    }
    const found = await app.status();
    io.out(options.json === true ? jsonText(found) : renderStatus(found, io.paint, io.columns));
  });
  return exit('ok');
}

export const statusCommand: CommandSpec = {
  name: 'status',
  summary: 'Show services and instances: state, pid, restarts, load',
  details:
    'With --watch it goes on until the app ends or Ctrl-C, also when the supervisor is replaced: on a terminal drawn anew each second, elsewhere printed again, with --json a line each.',
  options: [{ flags: '-w, --watch', words: 'again each second' }, jsonOption],
  examples: [
    { line: 'tutti status --watch', words: 'a table, and below it what is not as it should be' },
    { line: 'tutti status --json', words: 'the same for programs' },
  ],
  run: status,
};
