/**
 * The status once a second, for as long as the app runs. A supervisor that is being replaced is waited for, and that it does not answer
 * is told meanwhile. Used by `top` and `status --watch`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isTuttiError } from '../core/errors.ts';
import type { AppStatus } from '../core/status.ts';
import type { AppConnection } from './app-connection.ts';
import { secondsText } from './quantities.ts';

export interface Look {
  /** The last that is known. */
  readonly status: AppStatus;
  /** 0: it is fresh; else so long nobody has answered. */
  readonly silentMs: number;
}

const everyMs = 1_000;

type Answer = AppStatus | 'gone' | 'silent';

async function ask(app: AppConnection, signal: AbortSignal): Promise<Answer> {
  try {
    return await app.get<AppStatus>('/status', { signal });
  } catch (error) {
    if (isTuttiError(error, 'NOT_RUNNING')) return 'gone';
    if (isTuttiError(error)) return 'silent';
    throw error;
  }
}

/** @param ref false: nobody waits for this alone. */
const second = (signal: AbortSignal, ref = true): Promise<undefined> =>
  pause(everyMs, undefined, { signal, ref }).catch(() => undefined);

/** Ends when the app has ended, or when `signal` says so. @throws {TuttiError} `NOT_RUNNING` when there is none to begin with. */
export async function* watchStatus(app: AppConnection, signal: AbortSignal): AsyncGenerator<Look> {
  let status = await app.status();
  let heardAt = performance.now();
  let asked: Promise<Answer> | undefined;
  yield { status, silentMs: 0 };
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    if (asked === undefined) await second(signal);
    asked ??= ask(app, signal);
    const answer = await Promise.race([asked, second(signal, false)]);
    if (isOver() || answer === 'gone') return;
    if (answer !== undefined) asked = undefined;
    if (typeof answer === 'object') {
      status = answer;
      heardAt = performance.now();
    }
    yield { status, silentMs: typeof answer === 'object' ? 0 : performance.now() - heardAt };
  }
}

/** Undefined while it answers. */
export const silenceText = ({ silentMs }: Look): string | undefined =>
  silentMs === 0
    ? undefined
    : `the supervisor is being replaced, or held up: this is what was ${secondsText(silentMs)} ago; instances run on`;
