/**
 * `tutti start`: in the foreground this process becomes the keeper; with `-d` another one does. With the name of a service it
 * starts that service of the running app.
 */
import { extname } from 'node:path';
import { displayName } from '../core/ids.ts';
import { typed } from '../core/next-steps.ts';
import { resolveAppFile } from '../define/load-app.ts';
import { locateApp } from './app-location.ts';
import { carryOut, defaultWaitMs } from './change.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { findTarget } from './find-target.ts';
import { judgeStart } from './judges.ts';
import { keeperWish } from './keeper-wish.ts';
import type { Outcome } from './outcome.ts';
import { usage } from './parse-option.ts';
import { jsonOption, waitOption } from './shared-options.ts';
import { startDetached } from './start-detached.ts';

const isFile = (text: string): boolean => text.includes('/') || extname(text) !== '';

function startTarget(target: string, invocation: Invocation): Promise<Outcome> {
  return withApp(invocation.options.app, async (app) => {
    const found = findTarget(await app.status(), target);
    const ask = (): Promise<unknown> => app.post('/start', { target: found.target });
    const nothing = ({ name }: { name: string }): string =>
      `${displayName(name)} wants no instances: npx tutti scale ${typed(name)}=1`;
    return carryOut(app, { found, ask, nothing, judge: judgeStart }, invocation);
  });
}

async function start(invocation: Invocation): Promise<Outcome> {
  const { args, options, io } = invocation;
  const [named] = args;
  if (named !== undefined && !isFile(named)) return startTarget(named, invocation);
  if (named !== undefined && options.app !== undefined) throw usage('The app file is named twice');
  const location = locateApp(resolveAppFile(named ?? options.app, process.cwd()));
  if (options.detach !== true) return { keeper: keeperWish(location) };
  return startDetached(location, { io, json: options.json === true, waitMs: options.wait ?? defaultWaitMs });
}

export const startCommand: CommandSpec = {
  name: 'start',
  summary: 'Start the app, or a stopped service of the running app',
  details:
    'An argument with a slash or an extension is an app file, anything else a service of the running app. In the foreground Ctrl-C stops the app in order, a second Ctrl-C at once.',
  arguments: [
    {
      syntax: '[target]',
      words: 'an app file, or users, users#2; default: tutti.ts, .js or .mjs here or above',
    },
  ],
  options: [
    { flags: '-d, --detach', words: 'in the background: returns once the app is ready' },
    waitOption('with -d or a service: how long to wait until it is ready; default: 30s'),
    { ...jsonOption, words: 'with -d or a service: JSON for programs instead of words' },
  ],
  examples: [
    { line: 'tutti start', words: 'the app of this folder, until Ctrl-C' },
    { line: 'tutti start apps/shop/tutti.ts -d', words: 'another one, in the background' },
  ],
  run: start,
};
