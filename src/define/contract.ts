/**
 * Contracts: the actions of a service written apart from the service. For two services that call each other (their `typeof` would be
 * circular, TS7022), and for callers in another repository. Not needed otherwise.
 */
import type { ErrorRows, EventSchemas, Handling, Remotes, Surrounding } from './handling.ts';
import type { In, Jsonified, Out, Schema } from './schema.ts';
import type { EventMaker, HttpRoute, Service, Subscription } from './service.ts';
import { readDefinition } from './service.ts';
import type { Source, StreamRoute } from './stream.ts';
import type { CallsInput, ServiceCallsInput } from './calls.ts';
import type { ActionType, ChannelEnd, ChannelType, StreamType } from './client.ts';

type Awaitable<T> = T | Promise<T>;

interface DeclaredCommon extends Omit<CallsInput, 'deadlineMs'> {
  readonly input: Schema;
  readonly idempotent?: boolean;
  readonly concurrency?: number;
  readonly priority?: number;
  readonly summary?: string;
}
export interface DeclaredAction extends DeclaredCommon, CallsInput {
  readonly output: Schema;
  readonly http?: HttpRoute;
}
/** A stream: `yields`, `items` or both. */
export interface DeclaredStream extends DeclaredCommon {
  readonly output?: Schema;
  readonly items?: Schema;
  readonly yields?: Schema;
  readonly silenceMs?: number;
  readonly http?: StreamRoute<never>;
}
export interface DeclaredChannel extends DeclaredCommon {
  readonly receives: Schema;
  readonly sends: Schema;
  readonly silenceMs?: number;
}
export type Declared = Readonly<Record<string, DeclaredAction | DeclaredStream | DeclaredChannel>>;

type SchemaAt<A, Key extends string> = A extends Readonly<Record<Key, infer S extends Schema>> ? S : never;
type IsStream<A> = A extends { readonly yields: Schema } | { readonly items: Schema } ? true : false;

export type DeclaredTypes<D extends Declared> = {
  readonly [K in keyof D]: D[K] extends DeclaredChannel
    ? ChannelType<In<D[K]['input']>, In<D[K]['receives']>, Jsonified<Out<D[K]['sends']>>>
    : IsStream<D[K]> extends true
      ? StreamType<
          In<D[K]['input']>,
          In<SchemaAt<D[K], 'items'>>,
          Jsonified<Out<SchemaAt<D[K], 'yields'>>>,
          Jsonified<Out<SchemaAt<D[K], 'output'>>>
        >
      : ActionType<In<D[K]['input']>, Jsonified<Out<SchemaAt<D[K], 'output'>>>>;
};

type Given<A extends Declared[string]> = { readonly input: Out<A['input']> } & (A extends {
  readonly items: infer T extends Schema;
}
  ? { readonly items: AsyncIterable<Out<T>> }
  : A extends DeclaredChannel
    ? { readonly channel: ChannelEnd<In<A['sends']>, Out<A['receives']>> }
    : unknown);
type Gives<A> = A extends DeclaredChannel
  ? Awaitable<void>
  : A extends { readonly yields: infer Y extends Schema }
    ? Source<In<Y>, In<SchemaAt<A, 'output'>>>
    : Awaitable<In<SchemaAt<A, 'output'>>>;

export interface Contract<Name extends string, D extends Declared> {
  readonly contract: Name;
  readonly actions: D;
  readonly types?: DeclaredTypes<D>;
}

export const contract = <const Name extends string, D extends Declared>(declared: {
  readonly name: Name;
  readonly actions: D;
}): Contract<Name, D> => ({
  contract: declared.name,
  actions: declared.actions,
});

export interface Implementation<
  D extends Declared,
  P,
  Cfg extends Schema,
  N extends Remotes,
  M extends Remotes,
  E extends ErrorRows,
  Ev extends EventSchemas,
> {
  readonly version?: string;
  readonly config?: Cfg;
  readonly errors?: E;
  readonly needs?: N;
  readonly mayCall?: M;
  readonly calls?: ServiceCallsInput;
  readonly emits?: Ev;
  readonly open?: (around: Surrounding<N & M, Ev> & { readonly config: Out<Cfg> }) => Awaitable<P>;
  /** One function per action of the contract. */
  readonly actions: {
    readonly [K in keyof D]: (handling: Handling<P, N & M, E, Ev> & Given<D[K]>) => Gives<D[K]>;
  };
  readonly events?: (on: EventMaker<P, N & M, E, Ev>) => Readonly<Record<string, Subscription>>;
  readonly check?: (around: { readonly parts: P }) => Awaitable<boolean>;
  readonly close?: (around: { readonly parts: P }) => Awaitable<void>;
}

function kindOf(action: Declared[string]): { isChannel?: true; isStream?: true } {
  if ('receives' in action || 'sends' in action) return { isChannel: true };
  return 'yields' in action || 'items' in action ? { isStream: true } : {};
}

type Nothing = Readonly<Record<string, never>>;

/** The service that keeps a contract. An action without its function does not compile, and is named by the check. */
export function implement<
  Name extends string,
  D extends Declared,
  P = Nothing,
  Cfg extends Schema = Schema<Nothing, Nothing>,
  N extends Remotes = Nothing,
  M extends Remotes = Nothing,
  E extends ErrorRows = Nothing,
  Ev extends EventSchemas = EventSchemas,
>(
  promised: Contract<Name, D>,
  service: Implementation<D, P, Cfg, N, M, E, Ev>,
): Service<Name, DeclaredTypes<D>> {
  const runs: Readonly<Record<string, unknown>> = service.actions;
  const actions = () => {
    // What the contract does not have is no action: the check names it.
    const strangers = Object.keys(runs).map((name) => [name, 'a function that the contract does not have']);
    const declared = Object.entries(promised.actions).map(([name, action]) => [
      name,
      { ...action, ...kindOf(action), run: runs[name] },
    ]);
    return Object.fromEntries([...strangers, ...declared]) as object;
  };
  return readDefinition({ ...service, name: promised.contract, actions }) as Service<Name, DeclaredTypes<D>>;
}
