/**
 * Finds everything that is wrong in the actions of a service definition: plain ones, streams and channels. Used by `checkService`.
 */
import { isPriority } from '../core/waiting-line.ts';
import { hasContent, isContentType } from '../core/content-type.ts';
import { isActionName, isName } from '../core/ids.ts';
import type { Problem } from '../core/options.ts';
import { isPlainObject, unknownKeys } from '../core/options.ts';
import { callKeys, checkCallFields, checkRepeatable, streamCallKeys } from './check-calls.ts';
import { isWhole, optionalBoolean, optionalFunction, optionalSchema, wrong } from './check-value.ts';
import { parseRoute } from './manifest.ts';
import { gatewayOptions } from './options.ts';
import { isSchema } from './schema.ts';
import type { ServiceDefinition } from './service.ts';

const actionKeys = [
  ...['input', 'output', 'http', 'idempotent', 'concurrency', 'priority', 'summary', 'checkOutput', 'run'],
  ...callKeys,
];
const streamKeys = [
  ...['input', 'items', 'yields', 'output', 'http', 'idempotent', 'concurrency', 'priority', 'summary'],
  ...['silenceMs', 'run', 'isStream'],
  ...streamCallKeys,
];
const channelKeys = [
  ...['input', 'receives', 'sends', 'idempotent', 'concurrency', 'priority', 'summary', 'silenceMs', 'run'],
  ...['isChannel', 'http'],
];
const routeKeys = ['route', 'status', 'body', 'reply', 'bodyLimit', 'contentType'];
const streamRouteKeys = ['route', 'eventId', 'resume'];

const checkRoute = (route: unknown, path: string): Problem[] =>
  typeof route === 'string' && parseRoute(route) !== undefined
    ? []
    : wrong(path, 'a route like "GET /users/:id"', route);

function checkHttp(http: unknown, action: Record<string, unknown>, path: string): Problem[] {
  if (http === undefined) return [];
  if (!isPlainObject(http)) return checkRoute(http, path);
  const { route, status, body, reply, bodyLimit, contentType } = http;
  const { max } = gatewayOptions.bodyLimit;
  return [
    ...unknownKeys(http, routeKeys, path),
    ...checkRoute(route, `${path}.route`),
    ...(bodyLimit === undefined || isWhole(bodyLimit, 1, max)
      ? []
      : wrong(`${path}.bodyLimit`, `a whole number from 1 to ${String(max)}`, bodyLimit)),
    ...(contentType === undefined || isContentType(contentType)
      ? []
      : wrong(`${path}.contentType`, 'a media type like "application/pdf"', contentType)),
    ...(contentType !== undefined && typeof status === 'number' && !hasContent(status)
      ? [{ path: `${path}.contentType`, message: `an answer with the status ${String(status)} has no body` }]
      : []),
    ...(status === undefined || isWhole(status, 200, 299)
      ? []
      : wrong(`${path}.status`, 'a status from 200 to 299', status)),
    ...optionalSchema(`${path}.body`, body),
    ...optionalFunction(`${path}.reply`, reply),
    ...(reply !== undefined && action['output'] === undefined
      ? [{ path: `${path}.reply`, message: 'needs an `output` schema beside it' }]
      : []),
  ];
}

function checkStreamRoute(action: Record<string, unknown>, path: string): Problem[] {
  const { http, items, yields } = action;
  if (http === undefined) return [];
  const spec = isPlainObject(http) ? http : { route: http };
  const { route, eventId, resume } = spec;
  const where = isPlainObject(http) ? `${path}.route` : path;
  const method = typeof route === 'string' ? parseRoute(route)?.method : undefined;
  return [
    ...unknownKeys(spec, streamRouteKeys, path),
    ...checkRoute(route, where),
    ...(items !== undefined && yields !== undefined && method !== undefined && method !== 'GET'
      ? [{ path: where, message: 'a two-way stream is a WebSocket, whose method is GET' }]
      : []),
    ...(items !== undefined && yields === undefined && (method === 'GET' || method === 'DELETE')
      ? [{ path: where, message: 'its items are the body of the request: POST, PUT or PATCH' }]
      : []),
    ...optionalFunction(`${path}.eventId`, eventId),
    ...(resume === undefined || (typeof resume === 'string' && resume !== '')
      ? []
      : wrong(`${path}.resume`, 'the name of a field of the input', resume)),
  ];
}

const checkSilence = (silenceMs: unknown, path: string): Problem[] =>
  silenceMs === undefined || silenceMs === Infinity || isWhole(silenceMs, 1, 2_147_483_647)
    ? []
    : wrong(path, 'a whole number of milliseconds from 1, or Infinity', silenceMs);

function checkChannel(
  { receives, sends, silenceMs, http }: Record<string, unknown>,
  path: string,
): Problem[] {
  return [
    ...(isSchema(receives) ? [] : wrong(`${path}.receives`, 'a schema of what it is sent', receives)),
    ...(isSchema(sends) ? [] : wrong(`${path}.sends`, 'a schema of what it sends', sends)),
    ...checkSilence(silenceMs, `${path}.silenceMs`),
    ...(http === undefined
      ? []
      : [{ path: `${path}.http`, message: 'a channel has no route; over HTTP take a two-way stream' }]),
  ];
}

function checkStream(action: Record<string, unknown>, path: string): Problem[] {
  const { items, yields, silenceMs } = action;
  return [
    ...optionalSchema(`${path}.items`, items),
    ...optionalSchema(`${path}.yields`, yields),
    ...(items === undefined && yields === undefined
      ? [{ path, message: 'a stream has `yields` (items it gives), `items` (items it is given), or both' }]
      : []),
    ...checkSilence(silenceMs, `${path}.silenceMs`),
    ...checkStreamRoute(action, `${path}.http`),
  ];
}

function checkKind(action: Record<string, unknown>, path: string): Problem[] {
  if (action['isChannel'] === true) return checkChannel(action, path);
  if (action['isStream'] === true) return checkStream(action, path);
  return checkHttp(action['http'], action, `${path}.http`);
}

function checkAction(action: unknown, path: string): Problem[] {
  if (!isPlainObject(action)) return wrong(path, 'action({...})', action);
  const { concurrency, priority } = action;
  const isStream = action['isStream'] === true;
  const isChannel = action['isChannel'] === true;
  return [
    ...unknownKeys(action, isChannel ? channelKeys : isStream ? streamKeys : actionKeys, path),
    ...(typeof action['run'] === 'function' ? [] : wrong(`${path}.run`, 'a function', action['run'])),
    ...optionalSchema(`${path}.input`, action['input']),
    ...optionalSchema(`${path}.output`, action['output']),
    ...(concurrency === undefined || isWhole(concurrency, 1, 10_000)
      ? []
      : wrong(`${path}.concurrency`, 'a whole number from 1 to 10000', concurrency)),
    ...(priority === undefined || isPriority(priority)
      ? []
      : wrong(`${path}.priority`, 'a whole number from 0 to 9', priority)),
    ...optionalBoolean(`${path}.idempotent`, action['idempotent']),
    ...checkCallFields(action, path),
    ...checkRepeatable(action['retries'], action['idempotent'] === true, path),
    ...optionalBoolean(`${path}.checkOutput`, action['checkOutput']),
    ...(action['summary'] === undefined || typeof action['summary'] === 'string'
      ? []
      : wrong(`${path}.summary`, 'a text', action['summary'])),
    ...checkKind(action, path),
  ];
}

export function checkActions({ actions }: ServiceDefinition): Problem[] {
  return Object.entries(actions).flatMap(([name, action]) => {
    const path = `actions.${name}`;
    if (!isName(name)) return [{ path, message: 'an action is named by letters, digits, "_" and "-"' }];
    if (!isActionName(name)) return [{ path, message: 'every object has this name; take another' }];
    return checkAction(action, path);
  });
}
