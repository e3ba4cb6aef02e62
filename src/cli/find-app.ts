/**
 * Which app a command talks to: the one that was named, else the one whose file lies here or above, else the only one that
 * runs for this user. Never guesses between two.
 */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TuttiError } from '../core/errors.ts';
import { findAppFile, resolveAppFile } from '../define/load-app.ts';
import { socketPath } from '../os/directories.ts';
import { AdminClient } from './admin-client.ts';
import type { AppAbout } from './app-connection.ts';
import { AppConnection, notRunning } from './app-connection.ts';
import { locateApp } from './app-location.ts';

const answerMs = 1_000;

/** @throws {TuttiError} `NOT_RUNNING`, or `INVALID_INPUT` when several run. */
async function findApp(named: string | undefined): Promise<AppConnection> {
  const cwd = process.cwd();
  const appFile = named === undefined ? findAppFile(cwd) : resolveAppFile(named, cwd);
  if (appFile !== undefined) return new AppConnection(locateApp(appFile));
  const running = await runningApps();
  const [only, ...others] = running;
  if (only === undefined) throw notRunning();
  if (others.length === 0) return new AppConnection(locateApp(only.appFile));
  const list = running.map(({ app, appFile: file }) => `  ${app}  ${file}`).join('\n');
  throw new TuttiError('INVALID_INPUT', {
    message: `Several apps are running:\n${list}`,
    next: `Name one: npx tutti … --app ${only.appFile}`,
  });
}

/** Every app of this user whose supervisor answers. */
async function runningApps(): Promise<AppAbout[]> {
  const parent = dirname(locateApp(process.cwd()).runDir);
  const abouts = await Promise.all(directoriesIn(parent).map((name) => aboutOf(join(parent, name))));
  return abouts.filter((about) => about !== undefined);
}

function directoriesIn(parent: string): string[] {
  try {
    return readdirSync(parent);
  } catch {
    return [];
  }
}

async function aboutOf(runDir: string): Promise<AppAbout | undefined> {
  try {
    return await new AdminClient(socketPath(runDir, 'admin')).get<AppAbout>('/about', {
      timeoutMs: answerMs,
    });
  } catch {
    return undefined;
  }
}

/** Runs one command against the app, and lets go of it. */
export async function withApp<T>(
  named: string | undefined,
  use: (app: AppConnection) => Promise<T>,
): Promise<T> {
  const app = await findApp(named);
  try {
    return await use(app);
  } finally {
    app.close();
  }
}
