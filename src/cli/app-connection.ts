/**
 * A running app as a command sees it. While its keeper lives it is patient: a supervisor that is being replaced,
 * or not up yet, answers a moment later.
 */
import { relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import type { LogMemory } from '../core/log-line.ts';
import type { AppStatus } from '../core/status.ts';
import { appFileNames, findAppFile } from '../define/load-app.ts';
import { hasProc, readProcess } from '../os/proc.ts';
import { readRunning } from '../os/running-file.ts';
import type { AskOptions } from './admin-client.ts';
import { AdminClient } from './admin-client.ts';
import type { AppLocation } from './app-location.ts';

export interface AppAbout {
  readonly app: string;
  readonly appFile: string;
  readonly keeperPid: number;
  readonly logMemory: LogMemory;
  /** Where the app wants one. */
  readonly logFile?: string;
}

interface Patience {
  /** Codes of what passes when the supervisor is replaced. */
  readonly passing: readonly string[];
  readonly signal: AbortSignal | undefined;
}

const patienceMs = 10_000;
const againMs = 100;

/** A zombie has ended, though nobody has looked yet. */
export function isAlive(pid: number): boolean {
  if (hasProc) return !['Z', 'X', undefined].includes(readProcess(pid)?.state);
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export class AppConnection {
  readonly location: AppLocation;
  readonly #client: AdminClient;
  #keeperPid: number | undefined;

  constructor(location: AppLocation) {
    this.location = location;
    this.#client = new AdminClient(location.adminSocket);
  }

  /** Asked again as long as the keeper lives. @throws {TuttiError} as `AdminClient`; `NOT_RUNNING` with the next command. */
  get<Answer>(path: string, options?: AskOptions): Promise<Answer> {
    return this.#patiently(() => this.#client.get<Answer>(path, options), {
      passing: ['NOT_RUNNING', 'INSTANCE_LOST'],
      signal: options?.signal,
    });
  }

  /** Asked again only when it was surely not heard. @throws {TuttiError} as `get` */
  post<Answer>(path: string, body: object, options?: AskOptions): Promise<Answer> {
    const patience = { passing: ['NOT_RUNNING'], signal: options?.signal };
    return this.#patiently(() => this.#client.post<Answer>(path, body, options), patience);
  }

  /** One stream; what comes after it is the caller's to ask for. */
  follow(path: string, signal: AbortSignal, body?: object): AsyncGenerator {
    return this.#client.follow(path, signal, body);
  }

  status(): Promise<AppStatus> {
    return this.get<AppStatus>('/status');
  }

  async about(): Promise<AppAbout> {
    const about = await this.get<AppAbout>('/about');
    this.#keeperPid = about.keeperPid;
    return about;
  }

  get isKeeperAlive(): boolean {
    this.#keeperPid ??= readRunning(this.location.stateDir)?.pid;
    return this.#keeperPid !== undefined && isAlive(this.#keeperPid);
  }

  close(): void {
    this.#client.close();
  }

  async #patiently<T>(ask: () => Promise<T>, { passing, signal }: Patience): Promise<T> {
    // From the first failure on: what was asked for may itself take long.
    let until: number | undefined;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!isTuttiError(error) || !passing.includes(error.code) || signal?.aborted === true) throw error;
        if (!this.isKeeperAlive) throw notRunning(this.location.appFile);
        until ??= performance.now() + patienceMs;
        if (performance.now() > until) throw unanswered(error);
      }
      await pause(againMs);
    }
  }
}

/** @param appFile undefined: there is none here or above. */
export function notRunning(appFile?: string): TuttiError {
  if (appFile === undefined)
    return new TuttiError('NOT_RUNNING', {
      message: `No app is running, and there is no ${appFileNames.join(', ')} here or above.`,
      next: 'Name the app file: --app path/to/tutti.ts',
    });
  const named = findAppFile(process.cwd()) === appFile ? '' : ` ${relative(process.cwd(), appFile)}`;
  return new TuttiError('NOT_RUNNING', {
    message: `${appFile} is not running.`,
    next: `Start it: npx tutti start${named}`,
  });
}

const unanswered = (cause: TuttiError): TuttiError =>
  new TuttiError(
    'CALL_TIMED_OUT',
    { message: 'The app runs, but its supervisor does not answer.', next: 'Try again in a few seconds' },
    { cause },
  );
