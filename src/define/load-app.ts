/**
 * Finds and reads an app file: the one piece of user code that runs in the supervisor, since it is data.
 * Used by the supervisor, `tutti check` and the test kit.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import type { Problem } from '../core/options.ts';
import { problemText } from '../core/options.ts';
import type { AppDefinition } from './app.ts';
import { checkApp } from './check-app.ts';
import { locate } from './locate-error.ts';
import { setAppFile } from './read-env.ts';

export const appFileNames = ['tutti.ts', 'tutti.js', 'tutti.mjs'];

/** The app file in `folder` or the nearest folder above it. */
export function findAppFile(folder: string): string | undefined {
  for (let here = folder; ; here = dirname(here)) {
    const found = appFileNames.map((name) => join(here, name)).find((file) => existsSync(file));
    if (found !== undefined) return realpathSync(found);
    if (dirname(here) === here) return undefined;
  }
}

/** What a person named, or what lies here. @throws {TuttiError} `CONFIG_INVALID` when there is no such file. */
export function resolveAppFile(named: string | undefined, cwd: string): string {
  if (named === undefined) {
    const found = findAppFile(cwd);
    if (found !== undefined) return found;
    throw new TuttiError('CONFIG_INVALID', {
      message: `There is no ${appFileNames.join(', ')} here or above. Name the app file: --app path/to/tutti.ts`,
    });
  }
  const path = resolve(cwd, named);
  if (!existsSync(path)) throw new TuttiError('CONFIG_INVALID', { message: `There is no file ${named}` });
  return realpathSync(path);
}

export const configInvalid = (file: string, problems: readonly Problem[]): TuttiError => {
  const lines = problems.map(problemText);
  return new TuttiError('CONFIG_INVALID', {
    message: `${file} cannot be started:\n  ${lines.join('\n  ')}`,
    lines,
  });
};

export interface LoadOptions {
  /** Win over `.env` and the environment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Makes another module of the same file (`?1`): one process may read it twice with other settings. */
  readonly search?: string;
}

/** @throws {TuttiError} `CONFIG_INVALID` with every problem of the file. */
export async function loadApp(file: string, options: LoadOptions = {}): Promise<AppDefinition> {
  const name = relative(process.cwd(), file);
  setAppFile(file, options.settings);
  let app: unknown;
  try {
    app = ((await import(`${pathToFileURL(file).href}${options.search ?? ''}`)) as { default?: unknown })
      .default;
  } catch (error) {
    if (isTuttiError(error, 'CONFIG_INVALID'))
      throw configInvalid(
        name,
        error.message.split('\n').map((message) => ({ path: '', message })),
      );
    throw configInvalid(name, [{ path: '', message: locate(error, name) }]);
  }
  const problems = checkApp(app);
  if (problems.length > 0) throw configInvalid(name, problems);
  return app as AppDefinition;
}
