/**
 * What somebody who keeps services alive must offer to stand in bench/supervision.ts, and how that is watched from outside:
 * over HTTP, as a user would, with one ruler for all.
 */
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Given to lib/service.js as its environment. */
export type ServiceEnvironment = Readonly<Record<string, string>>;
export type Services = Readonly<Record<string, ServiceEnvironment>>;

export interface Supervised extends AsyncDisposable {
  /** The processes that supervise, and nothing else: a daemon, or keeper and supervisor. */
  readonly supervisors: readonly number[];
  pidOf(name: string): Promise<number>;
  /** What it says of the service, in its own words, and how often it started it again. */
  says(name: string): Promise<{ readonly state: string; readonly restarts: number }>;
  /** The command that ends services and supervisor alike, to its return. */
  stopAll(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
}

/** One request on a connection of its own. Undefined: refused, reset, or not answered in time. */
export function ask(url: string, signal: AbortSignal): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    const nothing = (): void => {
      resolve(undefined);
    };
    const sent = request(url, { agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('error', nothing).on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    sent.on('error', nothing).end();
  });
}

export function pidIn(reply: Reply | undefined): number | undefined {
  return reply?.status === 200 ? (JSON.parse(reply.text) as { pid: number }).pid : undefined;
}

const lookEveryMs = 3;
const answerMs = 1_000;
const servingMs = 30_000;

/** Asks until another process than `pid` answers. @throws {Error} when none did within 30 s. */
export async function servedByOther(url: string, pid: number): Promise<number> {
  const end = performance.now() + servingMs;
  while (performance.now() < end) {
    const answered = pidIn(await ask(url, AbortSignal.timeout(answerMs)));
    if (answered !== undefined && answered !== pid) return answered;
    await delay(lookEveryMs);
  }
  throw new Error(
    `${url} was not served by another process than ${String(pid)} within ${String(servingMs)} ms`,
  );
}
