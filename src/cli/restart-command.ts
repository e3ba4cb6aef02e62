/** `tutti restart`: a new process for each instance of a service, or for one of them. */
import { displayName } from '../core/ids.ts';
import { carryOut } from './change.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { findTarget } from './find-target.ts';
import { judgeRestart } from './judges.ts';
import type { Outcome } from './outcome.ts';
import { jsonOption, waitOption } from './shared-options.ts';

function restart(invocation: Invocation): Promise<Outcome> {
  const [target = ''] = invocation.args;
  return withApp(invocation.options.app, async (app) => {
    const found = findTarget(await app.status(), target);
    const ask = (): Promise<unknown> => app.post('/restart', { target: found.target });
    const nothing = ({ name }: { name: string }): string => `${displayName(name)} has no instances`;
    return carryOut(app, { found, ask, nothing, judge: judgeRestart }, invocation);
  });
}

export const restartCommand: CommandSpec = {
  name: 'restart',
  summary: 'Restart a service or one instance, and wait until it is ready again',
  details: 'What it has in hand is finished first. A restart that was asked for is not counted as a failure.',
  arguments: [{ syntax: '<target>', words: 'users, users#2; a gateway by its name' }],
  options: [waitOption('how long to wait; default: 30s'), jsonOption],
  examples: [
    { line: 'tutti restart users', words: 'all its instances' },
    { line: 'tutti restart users#2', words: 'one of them' },
  ],
  run: restart,
};
