/**
 * What a handler receives: one small object per call, whose costlier parts are made when a handler looks at them.
 */
import { isErrorCode, TuttiError } from '../core/errors.ts';
import type { ErrorRow } from '../core/errors.ts';
import { instanceId } from '../core/ids.ts';
import { shown } from '../core/options.ts';
import type { Clock } from '../core/ports.ts';
import { traceparentOf, tracestateOf } from '../core/trace.ts';
import type { EmitOptions, Emitted, Log, Shared } from '../define/handling.ts';
import type { Jobs } from '../define/jobs.ts';
import type { IncomingCall } from '../mesh/served-call.ts';

/** What all calls of one instance share. */
export interface HandlerKit {
  /** What `open` gave. */
  readonly parts: unknown;
  readonly calls: unknown;
  readonly emit: (event: string, payload: unknown, options?: EmitOptions) => Promise<Emitted>;
  readonly jobs: Jobs;
  readonly fail: (code: string, data?: Readonly<Record<string, unknown>>) => never;
  readonly log: Log;
  readonly shared: Shared;
  readonly extend: (ms: number) => void;
  readonly clock: Clock;
}

/** Ends a handler with a row of the service's own errors, or of the table. A code that nobody declared is a bug, and told as one. */
export const makeFail =
  (rows: Readonly<Record<string, ErrorRow>>): HandlerKit['fail'] =>
  (code, data) => {
    const row = Object.hasOwn(rows, code) ? rows[code] : undefined;
    if (row === undefined && !isErrorCode(code))
      throw new Error(`fail() takes the codes of \`errors\` and of the table, not ${shown(code)}`);
    throw new TuttiError(code, data, row === undefined ? {} : { row });
  };

/** Getters, so that `({ input, parts }) => …` costs two loads and the rest nothing. */
export class CallHandling {
  readonly #kit: HandlerKit;
  readonly #call: IncomingCall;
  readonly input: unknown;
  /** Of a durable event or a job: which attempt it is. */
  readonly attempt: number;

  // eslint-disable-next-line max-params -- a hot path: an object would be made per call
  constructor(kit: HandlerKit, call: IncomingCall, input: unknown, attempt = 1) {
    this.#kit = kit;
    this.#call = call;
    this.input = input;
    this.attempt = attempt;
  }

  /** An event handler's name for its input. */
  get event(): unknown {
    return this.input;
  }
  get parts(): unknown {
    return this.#kit.parts;
  }
  get calls(): unknown {
    return this.#kit.calls;
  }
  get emit(): HandlerKit['emit'] {
    return this.#kit.emit;
  }
  get jobs(): Jobs {
    return this.#kit.jobs;
  }
  get fail(): HandlerKit['fail'] {
    return this.#kit.fail;
  }
  get log(): Log {
    return this.#kit.log;
  }
  get shared(): Shared {
    return this.#kit.shared;
  }
  get extend(): (ms: number) => void {
    return this.#kit.extend;
  }
  get signal(): AbortSignal {
    return this.#call.signal;
  }
  get requestId(): string {
    return this.#call.context.requestId;
  }
  get idempotencyKey(): string | undefined {
    return this.#call.idempotencyKey;
  }
  get user(): string | undefined {
    return this.#call.context.user;
  }
  get tenant(): string | undefined {
    return this.#call.context.tenant;
  }
  get traceparent(): string | undefined {
    return traceparentOf(this.#call.context.trace);
  }
  get tracestate(): string | undefined {
    return tracestateOf(this.#call.context.trace);
  }
  get metadata(): Readonly<Record<string, string>> {
    return this.#call.context.metadata;
  }
  get caller(): string {
    return instanceId(this.#call.caller);
  }
  /** A function of its own, since handlers take it out of the object. */
  get remainingMs(): () => number {
    return () => Math.max(0, this.#call.context.deadline - this.#kit.clock.now());
  }
}
