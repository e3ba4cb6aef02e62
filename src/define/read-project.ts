/**
 * Reads a whole project by way of a throw-away process: app file, services, hooks, and of which files each is made.
 * Used by the supervisor in `tutti dev`; what is broken there costs a throw-away process and nothing else.
 */
import { dirname, join } from 'node:path';
import { bounds } from '../core/bounds.ts';
import type { Problem } from '../core/options.ts';
import type { AppDefinition } from './app.ts';
import { checkTogether } from './check-together.ts';
import type { AppManifest } from './manifest.ts';
import { appKey, manifestOf, readAnswer, runReader, serviceRequests, unanswered } from './read-manifest.ts';
import type { ReaderEnd, ReadModule } from './read-manifest.ts';

/** Absolute paths by who is made of them: a service, `gateway:public` (its hooks), and the app file under `appKey`. */
export type ProjectFiles = ReadonlyMap<string, readonly string[]>;

export interface Project {
  readonly app: AppDefinition;
  readonly manifest: AppManifest;
}

export interface ProjectReading {
  /** Undefined: there are problems. */
  readonly project: Project | undefined;
  readonly problems: readonly Problem[];
  /** As far as it came. */
  readonly files: ProjectFiles;
}

/** Settings come from there, though nobody imports it. */
const settingsFile = (appFile: string): string => join(dirname(appFile), '.env');

function filesOf(read: ReadonlyMap<string, ReadModule>, appFile: string): ProjectFiles {
  const files = new Map([...read].map(([key, module]) => [key, module.files ?? []] as const));
  files.set(appKey, [...new Set([appFile, settingsFile(appFile), ...(files.get(appKey) ?? [])])]);
  return files;
}

function appUnanswered(read: ReadonlyMap<string, ReadModule>, ended: ReaderEnd): Problem[] {
  return read.has(appKey) ? [] : [{ path: '', message: `the app file could not be read: ${ended.how}` }];
}

/** @param appFile absolute path. */
export async function readProject(
  appFile: string,
  limitMs: number = bounds.manifestMs,
): Promise<ProjectReading> {
  const ended = await runReader({ appFile }, dirname(appFile), limitMs);
  const read = readAnswer(ended.answer);
  const files = filesOf(read, appFile);
  const found = [...read.values()].flatMap(({ problems }) => problems);
  const app = read.get(appKey)?.app;
  if (app === undefined)
    return { project: undefined, problems: [...found, ...appUnanswered(read, ended)], files };
  const manifest = manifestOf(app, read);
  const problems = [
    ...found,
    ...unanswered(Object.keys(serviceRequests(app, appFile)), read, ended),
    ...checkTogether(app, manifest),
  ];
  return { project: problems.length === 0 ? { app, manifest } : undefined, problems, files };
}
