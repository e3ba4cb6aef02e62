/** `tutti restart`: a new process for each instance of a service, or for one of them; with `--rolling` one at a time. */
import { displayName } from '../core/ids.ts';
import type { AppConnection } from './app-connection.ts';
import { carryOut } from './change.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import type { FoundTarget } from './find-target.ts';
import { findTarget } from './find-target.ts';
import { judgeRestart } from './judges.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { restartRolling } from './rolling-restart.ts';
import { jsonOption, waitOption } from './shared-options.ts';

function restartAtOnce(app: AppConnection, found: FoundTarget, invocation: Invocation): Promise<Outcome> {
  const ask = (): Promise<unknown> => app.post('/restart', { target: found.target });
  const nothing = ({ name }: { name: string }): string => `${displayName(name)} has no instances`;
  return carryOut(app, { found, ask, nothing, judge: judgeRestart }, invocation);
}

/** One after the other, and none after one that failed: what broke the first may break the next. */
function restart(invocation: Invocation): Promise<Outcome> {
  const { args, options } = invocation;
  return withApp(options.app, async (app) => {
    const status = await app.status();
    for (const found of args.map((target) => findTarget(status, target))) {
      const one = options.rolling === true ? restartRolling : restartAtOnce;
      const outcome = await one(app, found, invocation);
      if (outcome.keeper !== undefined || outcome.exitCode !== 0) return outcome;
    }
    return exit('ok');
  });
}

export const restartCommand: CommandSpec = {
  name: 'restart',
  summary: 'Restart services or instances, and wait until they are ready again',
  details:
    'What they have in hand is finished first. A restart that was asked for is not counted as a failure. With --rolling each new instance is ready before an old one goes; when one does not become ready, the old ones stay and the exit code is 5.',
  arguments: [{ syntax: '<target...>', words: 'users, users#2; a gateway by its name' }],
  options: [
    { flags: '--rolling', words: 'one instance at a time, so that all are served meanwhile' },
    waitOption('how long to wait; default: 30s, with --rolling 10m'),
    jsonOption,
  ],
  examples: [
    { line: 'tutti restart users#2', words: 'one instance, at once' },
    { line: 'tutti restart users orders --rolling', words: 'all instances of two services, without a gap' },
  ],
  run: restart,
};
