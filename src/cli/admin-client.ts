/**
 * Asks the supervisor of one app, by HTTP on its admin socket. Used by every command and by the test kit.
 * A wire and no more: it tries once and knows no commands.
 */
import type { IncomingMessage } from 'node:http';
import type { WireError } from '../core/errors.ts';
import { fromWire, TuttiError } from '../core/errors.ts';

export interface AskOptions {
  /** Default 10 s. */
  readonly timeoutMs?: number;
  /** Nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

interface Ask extends AskOptions {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
}

const defaultTimeoutMs = 10_000;
/** Nobody listens there: what was asked was not done, and may be asked again. */
const nobodyThere: ReadonlySet<unknown> = new Set(['ENOENT', 'ECONNREFUSED']);

export class AdminClient {
  readonly #socketPath: string;
  readonly #closed = new AbortController();

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /**
   * @throws {TuttiError} what the supervisor answered; `NOT_RUNNING` when nobody is there; `INSTANCE_LOST` when it went
   * away before it answered; `CALL_TIMED_OUT`.
   */
  async get<Answer>(path: string, options: AskOptions = {}): Promise<Answer> {
    return (await readJson(await this.#ask({ method: 'GET', path, ...options }))) as Answer;
  }

  /** @throws {TuttiError} as `get` */
  async post<Answer>(path: string, body: object, options: AskOptions = {}): Promise<Answer> {
    return (await readJson(await this.#ask({ method: 'POST', path, body, ...options }))) as Answer;
  }

  /**
   * Values as they come, until the supervisor ends the stream or goes away, or `signal` says so.
   * @param body with one it is a POST.
   */
  async *follow(path: string, signal: AbortSignal, body?: object): AsyncGenerator {
    const asked = body === undefined ? ({ method: 'GET' } as const) : ({ method: 'POST', body } as const);
    const response = await this.#ask({ ...asked, path, signal, timeoutMs: Infinity });
    let rest = '';
    try {
      for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as unknown;
      }
    } catch (error) {
      if (!signal.aborted) throw lost(error);
    }
  }

  /** Breaks off what is under way. */
  close(): void {
    this.#closed.abort();
  }

  async #ask({ method, path, body, signal, timeoutMs = defaultTimeoutMs }: Ask): Promise<IncomingMessage> {
    // Here, since the process that becomes the keeper never asks. An import would touch all that node:http exports, and so
    // load the WebSocket client of Node: 50 ms for nothing.
    const { request } = process.getBuiltinModule('node:http');
    const timeout = timeoutMs === Infinity ? [] : [AbortSignal.timeout(timeoutMs)];
    const ends = AbortSignal.any([
      this.#closed.signal,
      ...timeout,
      ...(signal === undefined ? [] : [signal]),
    ]);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = request(
      { socketPath: this.#socketPath, method, path, agent: false, signal: ends },
      resolve,
    );
    outgoing.once('error', (error) => {
      reject(explain(error, timeout[0]?.aborted === true));
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const response = await promise;
    if (response.statusCode === 200) return response;
    throw fromWire((await readJson(response)) as WireError);
  }
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  } catch (error) {
    throw lost(error);
  }
  return JSON.parse(text) as unknown;
}

function explain(error: NodeJS.ErrnoException, isLate: boolean): TuttiError {
  if (isLate) return new TuttiError('CALL_TIMED_OUT', { action: 'the supervisor' }, { cause: error });
  return nobodyThere.has(error.code) ? new TuttiError('NOT_RUNNING', {}, { cause: error }) : lost(error);
}

const lost = (cause: unknown): TuttiError =>
  new TuttiError('INSTANCE_LOST', { instance: 'The supervisor' }, { cause });
