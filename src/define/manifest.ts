/**
 * The manifest: all that others must know of a service, as JSON. Made from its definition by the throw-away process that reads
 * the modules, and again by each instance; the supervisor, gateways and the OpenAPI document read nothing else.
 */
import { createHash } from 'node:crypto';
import type { ErrorRow } from '../core/errors.ts';
import type { Problem } from '../core/options.ts';
import { bounds } from '../core/bounds.ts';
import type { Isolation } from '../core/isolation.ts';
import type { ActionTuning } from '../core/tuning.ts';
import { callsOf } from './calls.ts';
import { fillDurable } from './durable.ts';
import type { DurableManifest } from './durable.ts';
import { fillIsolate } from './isolate.ts';
import { fillQueue } from './queue.ts';
import type { QueueManifest } from './queue.ts';
import type { JsonSchema, Schema } from './schema.ts';
import { toJsonSchema } from './schema.ts';
import type { ActionDefinition, HttpRoute, ServiceDefinition } from './service.ts';
import type { StreamRoute } from './stream.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RouteManifest {
  readonly method: HttpMethod;
  /** `/users/:id` */
  readonly path: string;
  /** Of success. */
  readonly status: number;
  /** Of the body when `reply` shapes it; null: not declared. Absent: the output is the body. */
  readonly body?: JsonSchema | null;
  /** Bytes; absent: the gateway's. */
  readonly bodyLimit?: number;
  /** Absent: JSON. */
  readonly contentType?: string;
  /** Of a stream: the field of the input that gets the id of the last item a reader has seen. */
  readonly resume?: string;
}

/** What moves on a stream; both: it is a two-way stream. */
export interface StreamManifest {
  readonly items?: JsonSchema;
  readonly yields?: JsonSchema;
}

/** Messages as the service sees them. */
export interface ChannelManifest {
  readonly receives: JsonSchema;
  readonly sends: JsonSchema;
}

export interface ActionManifest {
  readonly input: JsonSchema;
  /** Absent: not declared. */
  readonly output?: JsonSchema;
  readonly stream?: StreamManifest;
  readonly channel?: ChannelManifest;
  readonly idempotent: boolean;
  readonly concurrency: number;
  /** Absent: that of the call it is part of, or the normal one. */
  readonly priority?: number;
  readonly summary?: string;
  /** How calls to it are made, as far as somebody says it; in an app's manifest with all that its service and the app say. */
  readonly calls?: ActionTuning;
  readonly http?: RouteManifest;
  /** Of the schemas: differs when caller and callee no longer mean the same. */
  readonly hash: string;
}

export interface EventManifest {
  readonly mode: 'balanced' | 'broadcast' | 'durable';
  /** Of a durable one. */
  readonly durable?: DurableManifest;
  readonly schema: JsonSchema;
}

/** A queue whose jobs the service does. */
export interface WorkerManifest {
  readonly input: JsonSchema;
  readonly manifest: QueueManifest;
}

export interface ServiceManifest {
  readonly name: string;
  readonly version: string;
  readonly needs: readonly string[];
  readonly mayCall: readonly string[];
  readonly calls?: ActionTuning & { readonly outliers?: boolean | undefined };
  readonly errors: Readonly<Record<string, ErrorRow>>;
  readonly actions: Readonly<Record<string, ActionManifest>>;
  readonly events: Readonly<Record<string, EventManifest>>;
  /** Absent: none. */
  readonly queues?: Readonly<Record<string, WorkerManifest>>;
  /** Absent: its jobs end by themselves, or not. */
  readonly isolate?: Isolation;
  /** Of all the rest. */
  readonly hash: string;
}

export interface GatewayManifest {
  /** Whose routes it serves; absent: those of all. */
  readonly services?: readonly string[];
}

export interface AppManifest {
  readonly app: string;
  readonly services: Readonly<Record<string, ServiceManifest>>;
  /** In the order of the app file. */
  readonly gateways?: Readonly<Record<string, GatewayManifest>>;
}

export interface ManifestResult {
  readonly manifest: ServiceManifest;
  readonly problems: readonly Problem[];
}

/** Fixed words and whole parameters; what else a router may know (patterns, wildcards) is refused, not half understood. */
const routePattern = /^(GET|POST|PUT|PATCH|DELETE) (\/|(?:\/(?::[A-Za-z_]\w*|[\w.~%!$&'+,;=@-]+))+\/?)$/;
export const parseRoute = (route: string): { method: HttpMethod; path: string } | undefined => {
  const match = routePattern.exec(route);
  return match === null ? undefined : { method: match[1] as HttpMethod, path: match[2] ?? '/' };
};

const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
/** An action without `input` takes nothing, and says so. */
const noInput: JsonSchema = { type: 'object', properties: {}, additionalProperties: false };

/** Collects what cannot be said in JSON Schema instead of throwing at the first. */
class Describer {
  readonly problems: Problem[] = [];

  schema(schema: Schema, side: 'input' | 'output', path: string): JsonSchema {
    try {
      return toJsonSchema(schema, side);
    } catch (error) {
      this.problems.push({ path, message: error instanceof Error ? error.message : String(error) });
      return {};
    }
  }

  route(http: HttpRoute | StreamRoute<never>, path: string): RouteManifest | undefined {
    const spec: Exclude<HttpRoute, string> & { readonly resume?: string } =
      typeof http === 'string' ? { route: http } : http;
    const parsed = parseRoute(spec.route);
    if (parsed === undefined) {
      this.problems.push({
        path,
        message: `expected a route like "GET /users/:id", got ${JSON.stringify(spec.route)}`,
      });
      return undefined;
    }
    const shaped = spec.reply !== undefined || spec.body !== undefined;
    const body = spec.body === undefined ? null : this.schema(spec.body, 'output', `${path}.body`);
    return {
      ...parsed,
      status: spec.status ?? 200,
      ...(shaped ? { body } : {}),
      ...(spec.bodyLimit === undefined ? {} : { bodyLimit: spec.bodyLimit }),
      ...(spec.contentType === undefined ? {} : { contentType: spec.contentType }),
      ...(spec.resume === undefined ? {} : { resume: spec.resume }),
    };
  }

  stream({ items, yields }: ActionDefinition, path: string): StreamManifest {
    return {
      ...(items === undefined ? {} : { items: this.schema(items, 'input', `${path}.items`) }),
      ...(yields === undefined ? {} : { yields: this.schema(yields, 'output', `${path}.yields`) }),
    };
  }

  /** `checkService` names what is missing. */
  channel({ receives, sends }: ActionDefinition, path: string): ChannelManifest | undefined {
    if (receives === undefined || sends === undefined) return undefined;
    return {
      receives: this.schema(receives, 'input', `${path}.receives`),
      sends: this.schema(sends, 'output', `${path}.sends`),
    };
  }

  action(action: ActionDefinition, path: string): ActionManifest {
    const input = action.input === undefined ? noInput : this.schema(action.input, 'input', `${path}.input`);
    const output =
      action.output === undefined ? undefined : this.schema(action.output, 'output', `${path}.output`);
    const stream = action.isStream === true ? this.stream(action, path) : undefined;
    const channel = action.isChannel === true ? this.channel(action, path) : undefined;
    const moving = stream ?? channel;
    const { deadlineMs, retries, breaker } = action;
    const http = action.http === undefined ? undefined : this.route(action.http, `${path}.http`);
    return {
      input,
      ...(output === undefined ? {} : { output }),
      ...(stream === undefined ? {} : { stream }),
      ...(channel === undefined ? {} : { channel }),
      idempotent: action.idempotent ?? false,
      concurrency: action.concurrency ?? bounds.actionConcurrency,
      ...(action.priority === undefined ? {} : { priority: action.priority }),
      ...(action.summary === undefined ? {} : { summary: action.summary }),
      ...callsOf([{ deadlineMs, retries, breaker }]),
      ...(http === undefined ? {} : { http }),
      hash: hashOf(moving === undefined ? [input, output] : [input, output, moving]),
    };
  }
}

const mapValues = <V, W>(
  record: Readonly<Record<string, V>>,
  map: (value: V, key: string) => W,
): Record<string, W> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));

const queuesOf = ({ queues }: ServiceDefinition, describer: Describer): Record<string, WorkerManifest> =>
  mapValues(queues, ({ queue, options }, name) => ({
    input: describer.schema(queue.input, 'input', `queues.${name}.input`),
    manifest: fillQueue(queue.options, options),
  }));

/** Wants a definition that `checkService` found nothing wrong with, schemas apart: those it reports itself. */
export function makeManifest(definition: ServiceDefinition): ManifestResult {
  const describer = new Describer();
  const names = (remotes: Readonly<Record<string, { readonly remote: string }>>): string[] =>
    Object.values(remotes).map((remote) => remote.remote);
  const isolate = fillIsolate(definition.isolate);
  const manifest = {
    name: definition.name,
    version: definition.version,
    needs: names(definition.needs),
    mayCall: names(definition.mayCall),
    ...(definition.calls === undefined ? {} : { calls: definition.calls }),
    errors: definition.errors,
    actions: mapValues(definition.actions, (action, name) => describer.action(action, `actions.${name}`)),
    events: mapValues(definition.events, (event, name) => ({
      mode: event.mode,
      ...(event.durable === undefined ? {} : { durable: fillDurable(event.durable) }),
      schema: describer.schema(event.schema, 'input', `events.${name}`),
    })),
    ...(Object.keys(definition.queues).length === 0 ? {} : { queues: queuesOf(definition, describer) }),
    ...(isolate === undefined ? {} : { isolate }),
  };
  return { manifest: { ...manifest, hash: hashOf(manifest) }, problems: describer.problems };
}
