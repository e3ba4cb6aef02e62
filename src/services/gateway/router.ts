/**
 * Which action a method and a path mean, from the app's manifest; built anew at each change of it.
 */
import findMyWay from 'find-my-way';
import type { HTTPMethod } from 'find-my-way';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type {
  AppManifest,
  HttpMethod,
  RouteManifest,
  ServiceManifest,
  StreamManifest,
} from '../../define/manifest.ts';
import type { CallContext } from '../../mesh/context.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import type { Stream } from '../../mesh/stream-call.ts';
import { jsonAnswer, typedAnswer } from './answer.ts';
import type { Answer } from './answer.ts';
import { makeInputReader } from './route-input.ts';
import type { ReadInput, RouteParams } from './route-input.ts';
import type { SystemRouteName } from './system-routes.ts';

export interface ActionRoute {
  readonly kind: 'action';
  readonly service: string;
  readonly action: string;
  /** What the client gets when the action gave `body`. */
  readonly answer: (body: Buffer) => Answer;
  /** Of who names no time; undefined: the gateway's own. */
  readonly deadlineMs: number | undefined;
  /** Bytes; undefined: the gateway's own. */
  readonly bodyLimit: number | undefined;
  /** `GET /users/:id`, for metrics. */
  readonly label: string;
  readonly readInput: ReadInput;
  /** Which way items move, when it is a stream. */
  readonly stream: 'in' | 'out' | 'both' | undefined;
  /** To do it twice is to do it once. */
  readonly isIdempotent: boolean;
  /** Undefined: it is called. */
  readonly perform: Perform | undefined;
  /** As `perform`, of a stream. */
  readonly follow: Follow | undefined;
}

/** Does what a gateway does itself. Gives JSON. */
export type Perform = (
  input: Readonly<Record<string, unknown>>,
  about: { readonly context: Partial<CallContext>; readonly deadlineMs: number },
) => Promise<Buffer>;

/** Follows what a gateway follows itself. Resolves when it has begun. */
export type Follow = (
  input: Readonly<Record<string, unknown>>,
  about: { readonly gone: AbortSignal; readonly deadlineMs: number | undefined },
) => Promise<Stream<ArrivedItem>>;

/** Behind routes that are described as those of a service. */
export interface OwnActions {
  readonly service: ServiceManifest;
  readonly perform: (action: string) => Perform | undefined;
  readonly follow: (action: string) => Follow | undefined;
}

export interface SystemRoute {
  readonly kind: 'system';
  readonly label: string;
  readonly name: SystemRouteName;
}

export type Route = ActionRoute | SystemRoute;

export type Match =
  | { readonly found: 'route'; readonly route: Route; readonly params: RouteParams }
  /** The path is known under other methods. */
  | { readonly found: 'method'; readonly allow: readonly string[] }
  | { readonly found: 'nothing' };

export interface Router {
  /** @throws {TuttiError} `BAD_REQUEST`: the path cannot be read. */
  match(method: string, path: string): Match;
  /** Routes of the manifest that could not be taken, and why. */
  readonly refused: readonly { readonly route: string; readonly reason: string }[];
}

const methods: readonly HttpMethod[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const nothing: Match = { found: 'nothing' };
const noQuery = {};
const never = (): void => undefined;

/** @param system paths by name; all of them GET. An action wins where it has the same path. */
export function buildRouter(
  manifest: AppManifest,
  system: Readonly<Record<SystemRouteName, string>>,
  own?: OwnActions,
): Router {
  // Length is bounded by the head already; what an id may be is the callee's to say.
  const tree = findMyWay({ maxParamLength: 1_048_576, querystringParser: () => noQuery, onBadUrl: never });
  const refused: { route: string; reason: string }[] = [];
  const add = (method: HTTPMethod, path: string, route: Route): void => {
    try {
      tree.on(method, path, never, route);
    } catch (error) {
      refused.push({ route: route.label, reason: error instanceof Error ? error.message : String(error) });
    }
  };
  for (const { http, route } of actionRoutes(Object.values(manifest.services)))
    add(http.method, http.path, route);
  for (const { http, route } of actionRoutes(own === undefined ? [] : [own.service]))
    add(http.method, http.path, {
      ...route,
      perform: own?.perform(route.action),
      follow: own?.follow(route.action),
    });
  for (const [name, path] of Object.entries(system)) {
    if (!tree.hasRoute('GET', path))
      add('GET', path, { kind: 'system', label: `GET ${path}`, name: name as SystemRouteName });
  }
  const find = (method: HTTPMethod, path: string): Match | undefined => {
    const found = tree.find(method, path);
    // What it gives for a path whose escapes are no UTF-8.
    if (found?.store === null) throw new TuttiError('BAD_REQUEST', { reason: 'the path is not well formed' });
    return found === null ? undefined : { found: 'route', route: found.store as Route, params: found.params };
  };
  return {
    refused,
    match: (method, path) => {
      // A HEAD is a GET whose body Node leaves out.
      const match = find((method === 'HEAD' ? 'GET' : method) as HTTPMethod, path);
      if (match !== undefined) return match;
      const allow = methods.filter((other) => find(other, path) !== undefined);
      return allow.length === 0
        ? nothing
        : { found: 'method', allow: allow.includes('GET') ? [...allow, 'HEAD'] : allow };
    },
  };
}

function* actionRoutes(
  services: readonly ServiceManifest[],
): Generator<{ http: RouteManifest; route: ActionRoute }> {
  for (const service of services) {
    for (const [action, { http, input, stream, calls, idempotent: isIdempotent }] of Object.entries(
      service.actions,
    )) {
      if (http === undefined) continue;
      const label = `${http.method} ${http.path}`;
      const { status, bodyLimit, contentType } = http;
      const answer =
        contentType === undefined
          ? (body: Buffer): Answer => jsonAnswer(status, body)
          : typedAnswer(status, contentType);
      const readInput = makeInputReader(input, http.resume);
      const deadlineMs = calls?.deadlineMs && Math.min(calls.deadlineMs, bounds.httpDeadlineMs);
      const about = {
        answer,
        deadlineMs,
        bodyLimit,
        label,
        readInput,
        stream: directionOf(stream),
        isIdempotent,
        perform: undefined,
        follow: undefined,
      };
      yield { http, route: { kind: 'action', service: service.name, action, ...about } };
    }
  }
}

function directionOf(stream: StreamManifest | undefined): ActionRoute['stream'] {
  if (stream === undefined) return undefined;
  if (stream.items === undefined) return 'out';
  return stream.yields === undefined ? 'in' : 'both';
}
