/** `tutti stop`: the whole app, in order, or one service. Says it is done when it is: the processes are gone. */
import { setTimeout as pause } from 'node:timers/promises';
import { displayName } from '../core/ids.ts';
import type { AppStatus } from '../core/status.ts';
import type { AppAbout, AppConnection } from './app-connection.ts';
import { isAlive } from './app-connection.ts';
import { carryOut } from './change.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { findTarget } from './find-target.ts';
import { jsonText } from './io.ts';
import { judgeStop } from './judges.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { secondsText } from './quantities.ts';
import { jsonOption, waitOption } from './shared-options.ts';

/** Longer than the app's own `shutdownTimeout`. */
const appWaitMs = 75_000;
const lookEveryMs = 50;
/** Before it says whom it waits for. */
const silentMs = 1_000;

const whoRuns = ({ services }: AppStatus): string[] =>
  services.flatMap(({ instances }) =>
    instances.filter(({ pid }) => pid !== null).map(({ slot }) => displayName(slot)),
  );

function stopTarget(target: string, invocation: Invocation): Promise<Outcome> {
  return withApp(invocation.options.app, async (app) => {
    const found = findTarget(await app.status(), target);
    const ask = (): Promise<unknown> => app.post('/stop', { target: found.target });
    const nothing = ({ name }: { name: string }): string => `${displayName(name)} has no instances`;
    return carryOut(app, { found, ask, nothing, judge: judgeStop }, invocation);
  });
}

/** The admin socket goes before the keeper does: then nobody can be named any more. */
async function tellWhoIsWaitedFor(
  app: AppConnection,
  told: string,
  say: (text: string) => void,
): Promise<string> {
  const names = await app.status().then(whoRuns, () => []);
  const text = names.join(', ');
  if (text !== '' && text !== told) say(`waits for ${text}`);
  return text === '' ? told : text;
}

async function untilGone(
  app: AppConnection,
  { keeperPid }: AppAbout,
  { io, options }: Invocation,
): Promise<boolean> {
  const began = performance.now();
  const until = began + (options.wait ?? appWaitMs);
  let told = '';
  while (isAlive(keeperPid)) {
    const now = performance.now();
    if (now > until) return false;
    if (now - began > silentMs) told = await tellWhoIsWaitedFor(app, told, io.err);
    await pause(lookEveryMs);
  }
  return true;
}

async function stopApp(app: AppConnection, invocation: Invocation): Promise<Outcome> {
  const { io, options } = invocation;
  const about = await app.about();
  const count = whoRuns(await app.status()).length;
  const began = performance.now();
  await app.post('/stop', {});
  const isGone = await untilGone(app, about, invocation);
  const took = secondsText(performance.now() - began);
  const processes = `${String(count)} instance${count === 1 ? '' : 's'}`;
  if (!isGone) {
    io.err(`tutti: ${about.app} has not stopped within ${took}; it goes on with it`);
    io.err(`  At once instead: kill -INT ${String(about.keeperPid)}`);
    return exit('failed');
  }
  io.out(
    options.json === true
      ? jsonText({ stopped: about.app, instances: count, keeperPid: about.keeperPid })
      : `${about.app} has stopped: ${processes} ended in ${took}`,
  );
  return exit('ok');
}

function stop(invocation: Invocation): Promise<Outcome> {
  const [target] = invocation.args;
  if (target !== undefined) return stopTarget(target, invocation);
  return withApp(invocation.options.app, (app) => stopApp(app, invocation));
}

export const stopCommand: CommandSpec = {
  name: 'stop',
  summary: 'Stop the app, or a service of it, and wait until it is gone',
  details:
    'What is in hand is finished first. A service that was stopped by hand stays so, also when the app starts again, until `tutti start <service>`.',
  arguments: [{ syntax: '[target]', words: 'users, users#2; default: the whole app' }],
  options: [waitOption('how long to wait; default: 30s, for the whole app 75s'), jsonOption],
  examples: [
    { line: 'tutti stop', words: 'the app, in reverse order of needs' },
    { line: 'tutti stop users', words: 'one service; the rest runs on' },
  ],
  run: stop,
};
