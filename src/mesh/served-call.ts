/**
 * One request or event at its callee, from arrival to answer; what the host's `invoke` is given.
 */
import type { CertificateClaims } from '../core/certificate.ts';
import type { Admission, Admitted } from './admission.ts';
import type { CallContext } from './context.ts';
import type { OutgoingFrame } from './frames.ts';
import type { Place, PlaceAsker } from './place.ts';
import type { ServedStream, StreamOfCall } from './stream-of-call.ts';
import type { OpenSpan } from '../telemetry/tracing.ts';

export interface IncomingCall {
  readonly action: string;
  readonly context: CallContext;
  /** From the certificate of the connection. */
  readonly caller: CertificateClaims;
  readonly idempotencyKey: string | undefined;
  /** The answer shall have the shape the action declares for HTTP. */
  readonly http: boolean;
  /** Undefined: an ordinary call. */
  readonly stream: ServedStream | undefined;
  /** Aborts when the caller takes the call back, gives up or is gone. Made on first use: most handlers never look. */
  readonly signal: AbortSignal;
}

/** An action or a subscription, as the responder runs it. */
export interface Served {
  readonly name: string;
  readonly isEvent: boolean;
  /** Of a stream: how long it may wait for its caller. */
  readonly silenceMs?: number | undefined;
  /** A stream that is a channel. */
  readonly isChannel?: boolean;
  /** Of a stream: whoever reads it can go on elsewhere. */
  readonly isResumable?: boolean;
  /** Of a pool: shared by all that it serves. */
  readonly place?: Place | undefined;
  /** What is handed over for whom it was kept: by the store, in its body. */
  readonly isKept?: boolean;
  readonly admission: Admission<ServedCall>;
  run(input: unknown, call: IncomingCall): unknown;
}

/** The connection it came on. */
export interface CallOrigin extends PlaceAsker {
  /** The one answer of the call; dropped when the connection is gone. */
  answer(call: ServedCall, answer: OutgoingFrame): void;
}

export interface ServedCallParts extends Omit<Admitted, 'priority' | 'deadline'> {
  readonly served: Served;
  readonly origin: CallOrigin;
  readonly number: number;
  readonly input: unknown;
  readonly context: CallContext;
  readonly caller: CertificateClaims;
  readonly idempotencyKey: string | undefined;
  readonly http: boolean;
}

export class ServedCall implements IncomingCall, Admitted {
  readonly served: Served;
  readonly origin: CallOrigin;
  readonly number: number;
  readonly input: unknown;
  context: CallContext;
  /** Undefined: it does not run yet, or nobody traces. */
  span: OpenSpan | undefined;
  readonly caller: CertificateClaims;
  readonly idempotencyKey: string | undefined;
  readonly http: boolean;
  readonly startedAt: number;
  readonly bytes: number;
  hasWaited = false;
  stream: StreamOfCall | undefined;
  /** That it ran past its deadline was said. */
  isToldLate = false;
  /** Among those that have not ended within their first turn; -1: it is none. */
  runningAt = -1;
  #abort: AbortController | undefined;
  #reason: Error | undefined;

  constructor(parts: ServedCallParts) {
    this.served = parts.served;
    this.origin = parts.origin;
    this.number = parts.number;
    this.input = parts.input;
    this.context = parts.context;
    this.span = undefined;
    this.caller = parts.caller;
    this.idempotencyKey = parts.idempotencyKey;
    this.http = parts.http;
    this.startedAt = parts.startedAt;
    this.bytes = parts.bytes;
  }

  get priority(): number {
    return this.context.priority;
  }

  get deadline(): number {
    return this.context.deadline;
  }

  get action(): string {
    return this.served.name;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#reason !== undefined) this.#abort.abort(this.#reason);
    return this.#abort.signal;
  }

  /** What it calls from now on is part of this span. */
  trace(span: OpenSpan): void {
    this.span = span;
    this.context = { ...this.context, trace: span.trace };
  }

  cancel(reason: Error): void {
    this.#reason ??= reason;
    this.#abort?.abort(this.#reason);
    this.stream?.fail(this.#reason);
  }
}
