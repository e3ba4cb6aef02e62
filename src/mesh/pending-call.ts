/**
 * One call that was made and has not been settled: a plain object, kept by the caller until it is.
 */
import { TuttiError } from '../core/errors.ts';
import { frameFlags } from './frames.ts';
import type { IncomingFrame, OutgoingFrame } from './frames.ts';
import type { BreakerLimits } from '../core/breaker.ts';
import type { RetryBudget } from '../core/retry-budget.ts';
import type { Tuned } from '../core/tuning.ts';
import type { OpenSpan } from '../telemetry/tracing.ts';
import type { CallOptions } from './outgoing-call.ts';
import { wishedRetries } from './outgoing-call.ts';
import type { StreamCarrier } from './item-outbox.ts';

/** What somebody asked for. */
export interface CallRequest {
  readonly service: string;
  readonly action: string;
  readonly input: unknown;
  readonly options: CallOptions;
  readonly forHttp: boolean;
  readonly stream?: CarriedStream | undefined;
}

/** What moves on a stream, as far as the call that carries it needs it. */
export interface CarriedStream {
  /** The other side runs: the call cannot be made elsewhere any more. */
  readonly hasBegun: boolean;
  readonly isChannel: boolean;
  /** A try: it was sent on this connection, under this number. */
  carriedBy(carrier: StreamCarrier, stream: number, silenceMs: number): void;
  /** @throws {TuttiError} `PROTOCOL_ERROR` */
  took(frame: IncomingFrame): void;
}

/** Of the promise the caller holds. */
export interface Settlers {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** All calls of one caller to one service. */
export interface ServiceCalls {
  readonly budget: RetryBudget;
  inFlight: number;
  /** How its actions are called, where that is not as everywhere. */
  tuned: ReadonlyMap<string, Tuned>;
}

/** The instance a call was sent to, as far as the call needs it. */
export interface CallHolder {
  readonly id: string;
  /** Takes the call back and tells the other side. */
  withdraw(call: PendingCall): void;
}

export interface PendingCall extends Settlers {
  readonly service: string;
  readonly action: string;
  readonly of: ServiceCalls;
  /** Sent again as it is when the call goes elsewhere. */
  readonly frame: OutgoingFrame;
  readonly startedAt: number;
  /** Of a stream: until it has begun, no later than a call has to be answered. */
  deadline: number;
  readonly stream: CarriedStream | undefined;
  /** The answer is wanted as it came, not parsed. */
  readonly wantsBytes: boolean;
  /** May be sent twice when it is not known whether it ran: the caller said so with a key. */
  readonly hasKey: boolean;
  /** Times that it may be made once more. */
  readonly mostRetries: number;
  /** Of its action at each instance; undefined: it has none. */
  readonly breaker: BreakerLimits | undefined;
  /** Whoever made the call that this one is part of does not repeat it: so this caller may. */
  readonly isOwner: boolean;
  /** It said itself how urgent it is. */
  readonly hasPriority: boolean;
  /** Undefined: any instance of the service. */
  readonly slot: number | undefined;
  /** Undefined: nobody traces. One for all its tries. */
  readonly span: OpenSpan | undefined;
  /** Undefined while it waits for a connection. */
  holder: CallHolder | undefined;
  /** Where it is not sent again. */
  tried: CallHolder[];
  /** Why the last try failed; what the caller hears when there is nowhere left to go. */
  lastError: Error | undefined;
  /** As the instance it was sent to says. */
  isIdempotent: boolean;
  retries: number;
  /** Who was tried may be asked again when there is nobody else. */
  mayReturn: boolean;
  /** The breaker of its instance waits for how it ends. */
  isProbe: boolean;
  /** When it was handed to its instance. */
  sentAt: number;
  isSettled: boolean;
  stopListening: (() => void) | undefined;
}

type Sending = Settlers &
  Pick<PendingCall, 'frame' | 'startedAt' | 'deadline' | 'of' | 'span'> & {
    readonly tuned: Tuned;
  };

/** Field by field, so that all calls have one hidden class. */
export const makePendingCall = (request: CallRequest, sending: Sending): PendingCall => ({
  service: request.service,
  action: request.action,
  of: sending.of,
  frame: sending.frame,
  startedAt: sending.startedAt,
  deadline: sending.deadline,
  stream: request.stream,
  wantsBytes: request.forHttp,
  mostRetries: wishedRetries(request.options) ?? sending.tuned.retries,
  breaker: sending.tuned.breaker,
  hasKey: request.options.idempotencyKey !== undefined,
  isOwner: (sending.frame.flags & frameFlags.nested) === 0,
  hasPriority: request.options.priority !== undefined,
  slot: request.options.slot,
  span: sending.span,
  holder: undefined,
  tried: [],
  lastError: undefined,
  isIdempotent: false,
  retries: 0,
  mayReturn: false,
  isProbe: false,
  sentAt: 0,
  isSettled: false,
  stopListening: undefined,
  resolve: sending.resolve,
  reject: sending.reject,
});

export function timedOut(
  call: Pick<PendingCall, 'service' | 'action' | 'startedAt' | 'deadline'>,
): TuttiError {
  const { service } = call;
  const afterMs = Math.max(0, Math.round(call.deadline - call.startedAt));
  return new TuttiError('CALL_TIMED_OUT', { service, action: `${service}.${call.action}`, afterMs });
}
