/**
 * Spans, for an app that has set up an OpenTelemetry SDK; without one there are none, and asking costs one look at a global.
 * Used by mesh and gateway, which say what a span is of. It speaks to the API that the app registered, under the symbols by which all
 * copies of `@opentelemetry/api` 1.x find each other, and brings none of its own: docs/decisions/0015-tracing-without-a-package.md.
 */
import type { Trace } from '../core/trace.ts';
import { mostMembers, noSpan, readTracestate } from '../core/trace.ts';

const apiKey: unique symbol = Symbol.for('opentelemetry.js.api.1');
const spanKey = Symbol.for('OpenTelemetry Context Key SPAN');

interface OtelSpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
  readonly traceState?: OtelTraceState | undefined;
}
interface OtelTraceState {
  get(key: string): string | undefined;
  set(key: string, value: string): OtelTraceState;
  unset(key: string): OtelTraceState;
  serialize(): string;
}
interface OtelSpan {
  spanContext(): OtelSpanContext;
  updateName(name: string): unknown;
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { readonly code: number }): unknown;
  end(): void;
}
interface OtelContext {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): OtelContext;
  deleteValue(key: symbol): OtelContext;
}
interface Tracer {
  startSpan(name: string, options: object, context: OtelContext): OtelSpan;
}
interface TracerProvider {
  getTracer(name: string): Tracer;
  /** Of the stand-in that the API registers. */
  getDelegate?(): TracerProvider;
  forceFlush?(): Promise<void>;
}
interface OtelApi {
  readonly trace?: TracerProvider;
  readonly context?: {
    active(): OtelContext;
    with<Args extends unknown[], Result>(
      context: OtelContext,
      work: (...args: Args) => Result,
      self: undefined,
      ...args: Args
    ): Result;
  };
}

export type Attributes = Readonly<Record<string, string | number>>;

/** As OpenTelemetry numbers them. */
export const spanKinds = { server: 1, client: 2, producer: 3, consumer: 4 } as const;
const sampledFlag = 1;
const errorStatus = 2;

export interface SpanSpec {
  readonly kind: (typeof spanKinds)[keyof typeof spanKinds];
  readonly name: string;
  readonly attributes: Attributes;
}

/** What an SDK passes around, as a chain: most are of one link, and looked into once or twice. */
class Link implements OtelContext {
  readonly #key: symbol | undefined;
  readonly #value: unknown;
  readonly #rest: OtelContext | undefined;

  constructor(key?: symbol, value?: unknown, rest?: OtelContext) {
    this.#key = key;
    this.#value = value;
    this.#rest = rest;
  }

  getValue(key: symbol): unknown {
    return key === this.#key ? this.#value : this.#rest?.getValue(key);
  }

  setValue(key: symbol, value: unknown): OtelContext {
    return new Link(key, value, this);
  }

  deleteValue(key: symbol): OtelContext {
    return new Link(key, undefined, this);
  }
}

const root = new Link();
const within = (span: object): OtelContext => new Link(spanKey, span);

/** As the API wants it, for samplers that look into it or add a member. */
class TraceState implements OtelTraceState {
  readonly #members: readonly string[];

  constructor(members: readonly string[]) {
    this.#members = members;
  }

  get(key: string): string | undefined {
    return this.#members.find((member) => member.startsWith(`${key}=`))?.slice(key.length + 1);
  }

  /** Who changed it last comes first. */
  set(key: string, value: string): TraceState {
    return new TraceState([`${key}=${value}`, ...this.#without(key)].slice(0, mostMembers));
  }

  unset(key: string): TraceState {
    return new TraceState(this.#without(key));
  }

  serialize(): string {
    return this.#members.join(',');
  }

  #without(key: string): string[] {
    return this.#members.filter((member) => !member.startsWith(`${key}=`));
  }
}

/** A span of another process, as far as a child of it needs one. */
function remoteParent({ traceId, spanId, sampled, state }: Trace): OtelContext {
  const traceState = state === undefined ? undefined : new TraceState(state.split(','));
  const context = { traceId, spanId, traceFlags: sampled ? sampledFlag : 0, isRemote: true, traceState };
  return within({ spanContext: () => context, isRecording: () => false });
}

const api = (): OtelApi | undefined => (globalThis as { [apiKey]?: OtelApi })[apiKey];

export const isTracing = (): boolean => api()?.trace !== undefined;

/** One that has not ended. Neither the SDK nor its exporter can fail what is traced. */
export class OpenSpan {
  /** Its own ids: the parent of what is called within. */
  readonly trace: Trace;
  readonly #span: OtelSpan;

  constructor(span: OtelSpan, { traceId, spanId, traceFlags, traceState }: OtelSpanContext) {
    this.#span = span;
    // A sampler may have written anything into it: what others would refuse is not handed on.
    const state = traceState && readTracestate(traceState.serialize());
    this.trace = { traceId, spanId, sampled: (traceFlags & sampledFlag) !== 0, state };
  }

  /** Spans that user code makes meanwhile, or an instrumentation of `fetch`, are its children. */
  run<Args extends unknown[], Result>(work: (...args: Args) => Result, ...args: Args): Result {
    const context = api()?.context;
    return context === undefined ? work(...args) : context.with(within(this.#span), work, undefined, ...args);
  }

  rename(name: string): void {
    harmless(() => this.#span.updateName(name));
  }

  describe(attributes: Attributes): void {
    harmless(() => this.#span.setAttributes(attributes));
  }

  /** @param isFailed it is a failure, and not just an answer that nobody hoped for. */
  end(errorType?: string, isFailed = false): void {
    harmless(() => {
      if (errorType !== undefined) this.#span.setAttributes({ 'error.type': errorType });
      if (isFailed) this.#span.setStatus({ code: errorStatus });
      this.#span.end();
    });
  }
}

function harmless<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

let tracers: { readonly of: TracerProvider; readonly tracer: Tracer } | undefined;

function tracerOf(provider: TracerProvider): Tracer {
  if (tracers?.of !== provider) tracers = { of: provider, tracer: provider.getTracer('tutti') };
  return tracers.tracer;
}

function start(spec: SpanSpec, parent: OtelContext): OpenSpan | undefined {
  return harmless(() => {
    const provider = api()?.trace;
    if (provider === undefined) return undefined;
    const { kind, name, attributes } = spec;
    const span = tracerOf(provider).startSpan(name, { kind, attributes }, parent);
    const ids = span.spanContext();
    // Somebody registered what makes no spans.
    return ids.spanId === noSpan ? undefined : new OpenSpan(span, ids);
  });
}

const given = (parent: Trace | undefined): OtelContext =>
  parent === undefined || parent.spanId === noSpan ? root : remoteParent(parent);

/** A child of what another process sent; undefined: nobody traces. */
export const startSpan = (spec: SpanSpec, parent: Trace | undefined): OpenSpan | undefined =>
  start(spec, given(parent));

/** A child of the span that is active here, and of `parent` where none is: no context manager was registered. */
export function startInnerSpan(spec: SpanSpec, parent: Trace | undefined): OpenSpan | undefined {
  const active = harmless(() => api()?.context?.active());
  return start(spec, active?.getValue(spanKey) === undefined ? given(parent) : active);
}

/** What an SDK holds back to send it in batches; for the end of a process. Settles when it is sent, or cannot be. */
export async function flushSpans(): Promise<void> {
  const provider = api()?.trace;
  try {
    await (provider?.getDelegate?.() ?? provider)?.forceFlush?.();
  } catch {
    // Nobody can be told any more.
  }
}
