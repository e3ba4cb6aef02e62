import { resolveAppFile } from '../define/load-app.ts';
import { locateApp } from './app-location.ts';
import type { Outcome } from './outcome.ts';
import { keeperWish } from './start-command.ts';

export async function run(args: readonly string[]): Promise<Outcome> {
  return { keeper: keeperWish(locateApp(resolveAppFile(args[1], process.cwd())), false) };
}
