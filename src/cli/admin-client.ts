/**
 * Speaks to the admin API of a running app: JSON over HTTP on its unix socket. Used by every command and by the test kit.
 */
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { TuttiError } from '../core/errors.ts';
import { isPlainObject } from '../core/options.ts';

export interface AskOptions {
  readonly method?: 'GET' | 'POST';
  readonly body?: object;
  readonly signal?: AbortSignal;
}

/** Rebuilds what the other side refused with. */
function errorOf(status: number, value: unknown): TuttiError {
  const { code, message, data } = isPlainObject(value) ? value : {};
  const row = { text: typeof message === 'string' ? message : `The app answered ${String(status)}`, http: status };
  return new TuttiError(typeof code === 'string' ? code : 'INTERNAL', isPlainObject(data) ? { ...data, message: row.text } : {}, { row });
}

export class AdminClient {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  get<Result>(path: string, signal?: AbortSignal): Promise<Result> {
    return this.#json<Result>(path, signal === undefined ? {} : { signal });
  }

  post<Result>(path: string, body: object = {}): Promise<Result> {
    return this.#json<Result>(path, { method: 'POST', body });
  }

  /** The answer as it comes, for streams. @throws {TuttiError} `NOT_RUNNING` when nobody listens. */
  open(path: string, { method = 'GET', body, signal }: AskOptions = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#socketPath, agent: this.#agent, path, method, ...(signal === undefined ? {} : { signal }) }, resolve);
      asked.on('error', (cause) => {
        reject(new TuttiError('NOT_RUNNING', {}, { cause }));
      });
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #json<Result>(path: string, options: AskOptions): Promise<Result> {
    const answer = await this.open(path, options);
    const value = JSON.parse(await text(answer)) as unknown;
    const status = answer.statusCode ?? 500;
    if (status >= 400) throw errorOf(status, value);
    return value as Result;
  }
}
