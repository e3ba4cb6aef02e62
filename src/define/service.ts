/**
 * `defineService`: what a service is, as plain data. Importing a definition does nothing else; the host runs it.
 * Nothing is refused here: `checkService` (define/check-service.ts) finds every problem at once, before any process starts.
 */
import type { ActionCommon } from './action-common.ts';
import type { ChannelMaker } from './channel.ts';
import type { ServiceCallsInput } from './calls.ts';
import type { ActionType } from './client.ts';
import type { DurableInput } from './durable.ts';
import type { EventSchemas, ErrorRows, Handling, Remote, Remotes, Surrounding } from './handling.ts';
import type { IsolateInput } from './isolate.ts';
import type { RunningJob } from './jobs.ts';
import type { Queue, WorkerDefinition, WorkerInput } from './queue.ts';
import type { In, Jsonified, Out, Schema } from './schema.ts';
import type { StreamMaker, StreamRoute } from './stream.ts';

type Awaitable<T> = T | Promise<T>;
type Nothing = Readonly<Record<string, never>>;
type EmptySchema = Schema<Nothing, Nothing>;

/** `'GET /users/:id'`, or more: the success status, and another shape of the body than the output. */
export type HttpRoute<O = unknown> =
  | string
  | {
      readonly route: string;
      /** Default 200. */
      readonly status?: number;
      /** Of what `reply` gives; for the OpenAPI document. */
      readonly body?: Schema;
      /** Shapes the answer, in the instance: no user code runs in a gateway for it. */
      readonly reply?: (output: O, about: { readonly requestId: string }) => unknown;
      /** Of an output that is text or bytes (`Uint8Array`) and not JSON: `text/plain; charset=utf-8`, `application/pdf`. */
      readonly contentType?: string;
      /** Largest request body in bytes; default: the gateway's. With it a GET or DELETE takes one too. */
      readonly bodyLimit?: number;
    };

type Run<P, R, E extends ErrorRows, Ev extends EventSchemas, I, Result> = (
  handling: Handling<P, R, E, Ev> & { readonly input: I },
) => Result;

/** Gives an action its types. With `output` the answer is checked and what is not declared is left out. */
export interface ActionMaker<P, R, E extends ErrorRows, Ev extends EventSchemas> {
  <O extends Schema, I extends Schema = EmptySchema>(
    action: ActionCommon & {
      readonly input?: I;
      readonly output: O;
      readonly http?: HttpRoute<Jsonified<Out<O>>>;
      readonly run: Run<P, R, E, Ev, Out<I>, Awaitable<In<O>>>;
    },
  ): ActionType<In<I>, Jsonified<Out<O>>>;
  <Result, I extends Schema = EmptySchema>(
    action: ActionCommon & {
      readonly input?: I;
      readonly output?: undefined;
      readonly http?: HttpRoute<Jsonified<Awaited<Result>>>;
      readonly run: Run<P, R, E, Ev, Out<I>, Result>;
    },
  ): ActionType<In<I>, Jsonified<Awaited<Result>>>;
  /** Items that move one by one. */
  readonly stream: StreamMaker<P, R, E, Ev>;
  /** Messages both ways, for as long as both want. */
  readonly channel: ChannelMaker<P, R, E, Ev>;
}

export interface Subscription {
  readonly mode: 'balanced' | 'broadcast' | 'durable';
  /** Of a durable one. */
  readonly durable?: DurableInput;
  readonly schema: Schema;
  readonly concurrency: number | undefined;
  readonly handle: (handling: never) => unknown;
}

type Subscribe<P, R, E extends ErrorRows, Ev extends EventSchemas> = <S extends Schema>(
  schema: S,
  handle: (handling: Handling<P, R, E, Ev> & { readonly event: Out<S> }) => unknown,
) => Subscription;

type SubscribeDurably<P, R, E extends ErrorRows, Ev extends EventSchemas> = <S extends Schema>(
  options: DurableInput,
  schema: S,
  handle: (
    handling: Handling<P, R, E, Ev> & {
      readonly event: Out<S>;
      /** From 1. */
      readonly attempt: number;
    },
  ) => unknown,
) => Subscription;

/** `on(schema, handler)`: one instance of the service gets each event. `on.broadcast`: every instance does. `on.durable`: it is stored, and delivered until it is handled. */
export type EventMaker<P, R, E extends ErrorRows, Ev extends EventSchemas> = Subscribe<P, R, E, Ev> & {
  readonly broadcast: Subscribe<P, R, E, Ev>;
  readonly durable: SubscribeDurably<P, R, E, Ev>;
};

/** `worker(mail, { concurrency: 50 }, handler)`: this service does the jobs of the queue. What the handler gives is the result. */
export type WorkerMaker<P, R, E extends ErrorRows, Ev extends EventSchemas> = <
  I extends Schema,
  O extends Schema | undefined,
>(
  queue: Queue<string, I, O>,
  options: WorkerInput,
  handle: (
    handling: Handling<P, R, E, Ev> & {
      readonly input: Out<I>;
      readonly job: RunningJob;
      /** From 1. */
      readonly attempt: number;
    },
  ) => O extends Schema ? Awaitable<In<O>> : unknown,
) => WorkerDefinition;

/** An action as it was written, types forgotten. */
export interface ActionDefinition extends ActionCommon {
  readonly input?: Schema;
  readonly output?: Schema;
  readonly http?: HttpRoute | StreamRoute<never>;
  readonly run: (handling: never) => unknown;
  /** By `action.stream`. */
  readonly isStream?: boolean;
  readonly items?: Schema;
  readonly yields?: Schema;
  readonly silenceMs?: number;
  /** By `action.channel`. */
  readonly isChannel?: boolean;
  readonly receives?: Schema;
  readonly sends?: Schema;
}

/** A service as it was written, types forgotten: what checks, manifest and host read. */
export interface ServiceDefinition {
  readonly kind: 'service';
  readonly name: string;
  readonly version: string;
  readonly config: Schema | undefined;
  readonly errors: ErrorRows;
  readonly needs: Remotes;
  readonly mayCall: Remotes;
  /** Of calls to it. */
  readonly calls: ServiceCallsInput | undefined;
  readonly emits: EventSchemas | undefined;
  readonly actions: Readonly<Record<string, ActionDefinition>>;
  readonly events: Readonly<Record<string, Subscription>>;
  readonly queues: Readonly<Record<string, WorkerDefinition>>;
  readonly isolate: IsolateInput | undefined;
  readonly open: ((around: never) => unknown) | undefined;
  readonly check: ((around: never) => unknown) | undefined;
  readonly close: ((around: never) => unknown) | undefined;
  /** Exactly as given, so that a check can name keys that nobody knows. */
  readonly given: object;
}

export interface Service<Name extends string, A> extends ServiceDefinition {
  readonly name: Name;
  readonly types?: A;
}

export interface ServiceInput<
  Name extends string,
  A,
  P,
  Cfg extends Schema,
  N extends Remotes,
  M extends Remotes,
  E extends ErrorRows,
  Ev extends EventSchemas,
> {
  readonly name: Name;
  readonly version?: string;
  readonly config?: Cfg;
  /** Errors of its own, beside the table's: what `fail` takes and callers match. */
  readonly errors?: E;
  /** Start order, a typed client, and the grant to call. */
  readonly needs?: N;
  /** A typed client and the grant, no start order: two services may call each other. */
  readonly mayCall?: M;
  /** How calls to it are made, where its actions do not say it themselves. */
  readonly calls?: ServiceCallsInput;
  readonly emits?: Ev;
  /** Makes what handlers receive as `parts`. The instance is ready when it is done. */
  readonly open?: (around: Surrounding<N & M, Ev> & { readonly config: Out<Cfg> }) => Awaitable<P>;
  readonly actions: (action: ActionMaker<P, N & M, E, Ev>) => A;
  readonly events?: (on: EventMaker<P, N & M, E, Ev>) => Readonly<Record<string, Subscription>>;
  /** Each under the name of its queue. */
  readonly queues?: (worker: WorkerMaker<P, N & M, E, Ev>) => Readonly<Record<string, WorkerDefinition>>;
  /** A job that goes on after its signal has aborted is ended with its process, and with whatever else runs there. */
  readonly isolate?: IsolateInput;
  /** Own readiness, every 5 s; false or an error three times in a row makes the instance unready, never kills it. */
  readonly check?: (around: { readonly parts: P }) => Awaitable<boolean>;
  readonly close?: (around: { readonly parts: P; readonly extend: (ms: number) => void }) => Awaitable<void>;
}

interface LooseInput {
  readonly name: string;
  readonly version?: string;
  readonly config?: Schema;
  readonly errors?: ErrorRows;
  readonly needs?: Remotes;
  readonly mayCall?: Remotes;
  readonly calls?: ServiceCallsInput;
  readonly emits?: EventSchemas;
  readonly open?: unknown;
  readonly check?: unknown;
  readonly close?: unknown;
  readonly actions?: unknown;
  readonly events?: unknown;
  readonly queues?: unknown;
  readonly isolate?: IsolateInput;
}

const subscribe =
  (mode: Subscription['mode']) =>
  (schema: Schema, handle: (handling: never) => unknown): Subscription => ({
    mode,
    schema,
    concurrency: undefined,
    handle,
  });

const subscribeDurably = (
  durable: DurableInput,
  schema: Schema,
  handle: (handling: never) => unknown,
): Subscription => ({ mode: 'durable', durable, schema, concurrency: undefined, handle });

const workerMaker = (
  queue: Queue,
  options: WorkerInput,
  handle: (handling: never) => unknown,
): WorkerDefinition => ({ queue, options, handle });

const actionMaker = Object.assign((action: ActionDefinition) => action, {
  stream: (action: ActionDefinition) => ({ ...action, isStream: true }),
  channel: (action: ActionDefinition) => ({ ...action, isChannel: true }),
});

/** Turns what a user wrote into data. What is of the wrong kind is kept as it is: the check names it. */
function readDefinition(given: LooseInput): ServiceDefinition {
  const make = (part: unknown, maker: unknown): object =>
    typeof part === 'function' ? ((part as (maker: unknown) => object | undefined)(maker) ?? {}) : {};
  return {
    kind: 'service',
    name: given.name,
    version: given.version ?? '1.0.0',
    config: given.config,
    errors: given.errors ?? {},
    needs: given.needs ?? {},
    mayCall: given.mayCall ?? {},
    calls: given.calls,
    emits: given.emits,
    actions: make(given.actions, actionMaker) as ServiceDefinition['actions'],
    events: make(
      given.events,
      Object.assign(subscribe('balanced'), { broadcast: subscribe('broadcast'), durable: subscribeDurably }),
    ) as ServiceDefinition['events'],
    queues: make(given.queues, workerMaker) as ServiceDefinition['queues'],
    isolate: given.isolate,
    open: given.open as ServiceDefinition['open'],
    check: given.check as ServiceDefinition['check'],
    close: given.close as ServiceDefinition['close'],
    given,
  };
}

export function defineService<
  const Name extends string,
  A,
  P = Nothing,
  Cfg extends Schema = EmptySchema,
  N extends Remotes = Nothing,
  M extends Remotes = Nothing,
  E extends ErrorRows = Nothing,
  Ev extends EventSchemas = EventSchemas,
>(service: ServiceInput<Name, A, P, Cfg, N, M, E, Ev>): Service<Name, A> {
  return readDefinition(service) as Service<Name, A>;
}

/** For services of ours: `open` also receives `runtime`. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- inferred from what `open` asks for; no one type fits all
export function defineSystemService<Runtime, P, Cfg extends Schema>(service: {
  readonly name: string;
  readonly version: string;
  readonly config: Cfg;
  readonly open: (
    around: Surrounding<Nothing, EventSchemas> & { readonly config: Out<Cfg>; readonly runtime: Runtime },
  ) => Awaitable<P>;
  /** Before `close`, as the first thing of a stop: take nothing new, finish the rest. */
  readonly drain?: (around: {
    readonly parts: P;
    readonly config: Out<Cfg>;
    readonly extend: (ms: number) => void;
  }) => Awaitable<void>;
  readonly close: (around: { readonly parts: P }) => Awaitable<void>;
  readonly actions?: (
    action: ActionMaker<P, Nothing, Nothing, EventSchemas>,
  ) => Readonly<Record<string, unknown>>;
}): ServiceDefinition & { readonly drain?: (around: never) => unknown } {
  const definition = readDefinition(service);
  return service.drain === undefined ? definition : { ...definition, drain: service.drain };
}

export { readDefinition };

/** The type crosses, the code does not: `remote<typeof users>('users')`. A typo in the name does not compile. */
export function remote<S extends Service<string, unknown>>(
  name: S['name'],
): Remote<S['name'], NonNullable<S['types']>>;
export function remote<Name extends string, A>(contract: {
  readonly contract: Name;
  readonly types?: A;
}): Remote<Name, A>;
export function remote(named: string | { readonly contract: string }): Remote {
  return { remote: typeof named === 'string' ? named : named.contract };
}
