/**
 * What a call or an event takes with it: what its maker asked for, within what the call it is part of allows.
 * Pure but for the ids it draws. Used by the caller.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { retryLimits } from '../core/retry-budget.ts';
import { defaultPriority, isPriority } from '../core/waiting-line.ts';
import { bodyOf } from './body.ts';
import { isTraceId, untraced } from '../core/trace.ts';
import type { Trace } from '../core/trace.ts';
import { currentContext } from './context.ts';
import type { CallContext } from './context.ts';
import { envelopeText } from './envelope.ts';
import { frameFlags, makeFrame } from './frames.ts';
import type { FrameKind, OutgoingFrame } from './frames.ts';
import type { NewTraceId } from './trace-ids.ts';

export interface CallOptions {
  /** Default: as the action says, or `bounds.callMs`. A nested call never gets more than what is left of the call it is part of. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly idempotencyKey?: string | undefined;
  /** 0, the lowest, to 9. Default: the action's own, or that of the call it is part of, or 5. */
  readonly priority?: number | undefined;
  /** Times that it may be made once more, 0 to 2. Default: as the action says, or 2. */
  readonly retries?: number | undefined;
  /** Only this instance of the service: for what is asked of each one. */
  readonly slot?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** For gateways and tests: where the request comes from, when it is not from a call. `caller` does not travel. */
  readonly context?: Partial<CallContext> | undefined;
}

/** A gateway says itself what a call is part of. */
export const parentOf = ({ context }: CallOptions): CallContext | undefined =>
  context === undefined ? currentContext() : undefined;

export interface Outgoing {
  readonly kind: FrameKind;
  readonly body: unknown;
  readonly flags: number;
  readonly options: CallOptions;
  readonly deadline: number;
  /** The call it is part of. */
  readonly parent: CallContext | undefined;
  /** Of its own span, when it has one. */
  readonly trace: Trace | undefined;
}

/**
 * Absolute. A deadline that was given explicitly by a gateway is not cut by the default.
 * @param defaultMs of its action; Infinity: none, unless it is given one or is part of a call that has.
 */
// eslint-disable-next-line max-params -- a hot path: an object would be made per call
export function deadlineOf(
  options: CallOptions,
  parent: CallContext | undefined,
  now: number,
  defaultMs: number,
): number {
  const limit = options.context?.deadline ?? parent?.deadline ?? Infinity;
  if (options.deadlineMs === undefined && options.context?.deadline !== undefined) return limit;
  return Math.min(now + (options.deadlineMs ?? defaultMs), limit);
}

/** What the call says, or undefined: then what the action says counts, which only the instance knows. @throws {TuttiError} `INVALID_INPUT` */
export function wishedPriority({ priority }: CallOptions): number | undefined {
  if (priority === undefined || isPriority(priority)) return priority;
  throw new TuttiError('INVALID_INPUT', { message: 'The priority of a call is a whole number from 0 to 9' });
}

/** What the call says, or undefined: then what its action says counts. @throws {TuttiError} `INVALID_INPUT` */
export function wishedRetries({ retries }: CallOptions): number | undefined {
  if (retries === undefined || retries === 0 || retries === 1 || retries === retryLimits.retries)
    return retries;
  const most = String(retryLimits.retries);
  throw new TuttiError('INVALID_INPUT', {
    message: `The retries of a call are a whole number from 0 to ${most}`,
  });
}

/** Of the call it is part of. */
export const inheritedPriority = (options: CallOptions, parent: CallContext | undefined): number =>
  options.context?.priority ?? parent?.priority ?? defaultPriority;

/** @throws {TuttiError} `INVALID_INPUT` when it is not JSON, `PAYLOAD_TOO_LARGE` */
export function frameOf(outgoing: Outgoing, newTraceId: NewTraceId): OutgoingFrame {
  const { kind, options, deadline, parent } = outgoing;
  const trace =
    outgoing.trace ?? inheritedTrace(options, parent) ?? newTrace(options.context?.requestId, newTraceId);
  const frame = makeFrame(kind, 0, {
    body: textOf(outgoing.body),
    flags:
      outgoing.flags |
      (trace.sampled ? frameFlags.sampled : 0) |
      (parent === undefined ? 0 : frameFlags.nested),
    deadline,
    priority: wishedPriority(options) ?? inheritedPriority(options, parent),
    trace,
    envelope: envelopeOf(options, parent, trace),
  });
  if (frame.bytes > bounds.frameBytes)
    throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.frameBytes });
  return frame;
}

function textOf(body: unknown): string | Uint8Array {
  try {
    return bodyOf(body);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : 'not JSON';
    throw new TuttiError('INVALID_INPUT', { issues: [{ path: '', message }] }, { cause });
  }
}

/** Where nobody makes a span for the call itself, the last one that somebody made stays its parent. */
function inheritedTrace({ context }: CallOptions, parent: CallContext | undefined): Trace | undefined {
  const given = context?.trace;
  return given !== undefined && isTrace(given) ? given : parent?.trace;
}

/** A request id that reads as a trace id becomes it: the same text need not travel twice, here and in every nested call. */
function newTrace(requestId: string | undefined, newTraceId: NewTraceId): Trace {
  return untraced(requestId !== undefined && isTraceId(requestId) ? requestId : newTraceId());
}

const isTrace = (trace: Trace): boolean => isTraceId(trace.traceId) && /^[0-9a-f]{16}$/.test(trace.spanId);

function envelopeOf(
  options: CallOptions,
  parent: CallContext | undefined,
  { traceId, state }: Trace,
): string {
  const requestId = options.context?.requestId ?? parent?.requestId;
  const inherited = options.context?.metadata ?? parent?.metadata;
  const metadata = options.metadata === undefined ? inherited : { ...inherited, ...options.metadata };
  return envelopeText({
    requestId: requestId === traceId ? undefined : requestId,
    idempotencyKey: options.idempotencyKey,
    metadata: metadata === undefined || isEmpty(metadata) ? undefined : metadata,
    user: options.context?.user ?? parent?.user,
    tenant: options.context?.tenant ?? parent?.tenant,
    traceState: state,
  });
}

function isEmpty(fields: object): boolean {
  for (const key in fields) if (Object.hasOwn(fields, key)) return false;
  return true;
}
