/** `tutti dev`: the app in the foreground, following its files. The supervisor does the following. */
import { resolveAppFile } from '../define/load-app.ts';
import { locateApp } from './app-location.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { keeperWish } from './keeper-wish.ts';
import type { Outcome } from './outcome.ts';
import { usage } from './parse-option.ts';

function dev({ args: [named], options }: Invocation): Promise<Outcome> {
  if (named !== undefined && options.app !== undefined) throw usage('The app file is named twice');
  const location = locateApp(resolveAppFile(named ?? options.app, process.cwd()));
  return Promise.resolve({ keeper: keeperWish(location, { dev: true }) });
}

export const devCommand: CommandSpec = {
  name: 'dev',
  summary: 'Start the app and restart the services whose files change',
  details:
    'What is broken is shown, and what runs stays until it is mended. The logs of all services come to this terminal. Ctrl-C stops the app in order, a second Ctrl-C at once.',
  arguments: [{ syntax: '[file]', words: 'the app file; default: tutti.ts, .js or .mjs here or above' }],
  examples: [
    { line: 'tutti dev', words: 'the app of this folder' },
    { line: 'tutti dev apps/shop/tutti.ts', words: 'another one' },
  ],
  run: dev,
};
