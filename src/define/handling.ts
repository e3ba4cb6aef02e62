/**
 * What a handler receives, in types. Used by the definitions; the host makes the values.
 */
import type { ErrorCode, ErrorRow } from '../core/errors.ts';
import type { Schema, In } from './schema.ts';
import type { Client } from './client.ts';
import type { Jobs } from './jobs.ts';

/** A service that may be called: its name and, in types, its actions. */
export interface Remote<Name extends string = string, A = unknown> {
  readonly remote: Name;
  readonly types?: A;
}
export type Remotes = Readonly<Record<string, Remote>>;
export type Clients<R> = {
  readonly [K in keyof R]: R[K] extends Remote<string, infer A> ? Client<A> : never;
};

export type ErrorRows = Readonly<Record<string, ErrorRow>>;
/** Ends the handler with a typed error: a code of the table, or one of the service's own `errors`. */
export type Fail<E extends ErrorRows> = (
  code: ErrorCode | (keyof E & string),
  data?: Readonly<Record<string, unknown>>,
) => never;

export type EventSchemas = Readonly<Record<string, Schema>>;
export interface EmitOptions {
  /** Durable events of one key reach a service one after the other, in the order in which they were emitted. */
  readonly key?: string | undefined;
  /** 0, the lowest, to 9. Default: that of the call it is part of, or 5. */
  readonly priority?: number | undefined;
}

export interface Emitted {
  /** Instances that it was handed to. */
  readonly delivered: number;
  /** Services with a durable subscription, for which it is stored. */
  readonly kept: number;
}

/** With `emits` declared only those, typed; without, any name and JSON value. */
export type Emit<Ev extends EventSchemas> = string extends keyof Ev
  ? (event: string, payload: unknown, options?: EmitOptions) => Promise<Emitted>
  : <K extends keyof Ev & string>(event: K, payload: In<Ev[K]>, options?: EmitOptions) => Promise<Emitted>;

export type LogFields = Readonly<Record<string, unknown>>;
/** A constant sentence and fields. error: a person must act; warn: we coped; info: life-cycle; debug: the rest. */
export interface Log {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
}

export interface SharedCounter {
  /** Whole numbers; exact across all processes of the app. */
  add(amount?: number): void;
  readonly value: number;
}
export interface SharedGauge {
  set(value: number): void;
  readonly value: number;
}
export interface LockOptions {
  /** A holder that is not heard of for so long has lost it; while it lives and works the lease is renewed by itself. Default 30,000. */
  readonly ttlMs?: number;
  /** How long to wait while somebody else holds it; 0: not at all. Default 5,000. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** `await using lease = await shared.lock('nightly')`. Released at the end of the block, or with the process. */
export interface SharedLease extends AsyncDisposable {
  /** Grows with each lease: whoever is written to under the lock refuses a smaller one than it has seen. */
  readonly fence: number;
  /** Aborts when the lease was lost: what was done under it must end. */
  readonly signal: AbortSignal;
  /** Twice is harmless. Resolves when it has been sent. */
  release(): Promise<void>;
}

/** What all processes of the app share and what survives the death of any of them. */
export interface Shared {
  counter(name: string): SharedCounter;
  gauge(name: string): SharedGauge;
  /** One holder at a time in the whole app. @throws {TuttiError} `LOCK_TAKEN`, `OVERLOADED`, `CANCELLED` */
  lock(name: string, options?: LockOptions): Promise<SharedLease>;
}

/** The one who runs: what `open`, handlers and `check` have in common. */
export interface Surrounding<R, Ev extends EventSchemas> {
  readonly calls: Clients<R>;
  readonly emit: Emit<Ev>;
  /** Work that is stored before it is acknowledged, and done later. The app needs a `store`. */
  readonly jobs: Jobs;
  readonly log: Log;
  readonly shared: Shared;
  /**
   * While this instance is being stopped: its work needs this much more time, from now. Moves the end of the drain and the kill
   * after it, up to `stop.drainMax`. Said before, it counts when a stop comes. Milliseconds.
   */
  readonly extend: (ms: number) => void;
}

export interface Handling<P, R, E extends ErrorRows, Ev extends EventSchemas> extends Surrounding<R, Ev> {
  readonly parts: P;
  readonly fail: Fail<E>;
  /** Aborted when the caller takes the call back, or its deadline has passed. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** Which instance called, from its certificate: `orders#1@1`, `gateway:public#1@2`, `operator`. */
  readonly caller: string;
  readonly idempotencyKey: string | undefined;
  /** For whom the call is made, as the gateway's `authenticate` found out. Handed on to calls and events by themselves, set by nobody else. */
  readonly user: string | undefined;
  readonly tenant: string | undefined;
  /**
   * To be sent on as the header of this name where no instrumentation does it: the W3C form of the trace that the call is part of.
   * Undefined when nobody traces.
   */
  readonly traceparent: string | undefined;
  /** Goes with `traceparent`, where the trace has one. */
  readonly tracestate: string | undefined;
  /** What callers sent along. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds until the caller gives up. */
  readonly remainingMs: () => number;
}
