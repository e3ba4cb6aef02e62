/**
 * Finds everything that is wrong in one service definition, without running it. Used by the manifest process and by the test kit.
 */
import { isPriority } from '../core/waiting-line.ts';
import { hasContent, isContentType } from '../core/content-type.ts';
import { isErrorCode } from '../core/errors.ts';
import { isActionName, isEventName, isName } from '../core/ids.ts';
import type { Problem } from '../core/options.ts';
import { isPlainObject, shown, unknownKeys } from '../core/options.ts';
import {
  callKeys,
  checkCallFields,
  checkRepeatable,
  checkServiceCalls,
  streamCallKeys,
} from './check-calls.ts';
import { checkDurable } from './durable.ts';
import { parseRoute } from './manifest.ts';
import { checkIsolate } from './isolate.ts';
import { checkWorker } from './queue.ts';
import { gatewayOptions } from './options.ts';
import { inputIssues, isSchema } from './schema.ts';
import type { ServiceDefinition } from './service.ts';

const serviceKeys = [
  'name',
  'version',
  'config',
  'errors',
  'needs',
  'mayCall',
  'calls',
  'emits',
  'open',
  'actions',
  'events',
  'queues',
  'isolate',
  'check',
  'close',
];
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

/** What is wrong with one value: a list, so that checks can be joined. */
const wrong = (path: string, expected: string, value: unknown): Problem[] => [
  { path, message: `expected ${expected}, got ${shown(value)}` },
];

const optionalFunction = (path: string, value: unknown): Problem[] =>
  value === undefined || typeof value === 'function' ? [] : wrong(path, 'a function', value);

const optionalSchema = (path: string, value: unknown): Problem[] =>
  value === undefined || isSchema(value)
    ? []
    : wrong(path, 'a schema (zod or another Standard Schema)', value);

const optionalBoolean = (path: string, value: unknown): Problem[] =>
  value === undefined || typeof value === 'boolean' ? [] : wrong(path, 'true or false', value);

const isWhole = (value: unknown, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;

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

function checkActions({ actions }: ServiceDefinition): Problem[] {
  return Object.entries(actions).flatMap(([name, action]) => {
    const path = `actions.${name}`;
    if (!isName(name)) return [{ path, message: 'an action is named by letters, digits, "_" and "-"' }];
    if (!isActionName(name)) return [{ path, message: 'every object has this name; take another' }];
    return checkAction(action, path);
  });
}

function checkErrors(errors: unknown): Problem[] {
  if (!isPlainObject(errors)) return wrong('errors', 'an object of rows', errors);
  return Object.entries(errors).flatMap(([code, row]) => {
    const path = `errors.${code}`;
    if (!/^[A-Z][A-Z0-9_]{1,62}$/.test(code))
      return [{ path, message: 'a code is written in capitals, like USERNAME_TAKEN' }];
    if (isErrorCode(code))
      return [{ path, message: 'this code is one of ours already; fail() takes it without declaring' }];
    if (!isPlainObject(row) || typeof row['text'] !== 'string')
      return wrong(`${path}.text`, 'a sentence', isPlainObject(row) ? row['text'] : row);
    return isWhole(row['http'], 400, 599)
      ? []
      : wrong(`${path}.http`, 'a status from 400 to 599', row['http']);
  });
}

function checkRemotes(remotes: unknown, path: string): Problem[] {
  if (!isPlainObject(remotes)) return wrong(path, 'an object of remote(...)', remotes);
  return Object.entries(remotes).flatMap(([key, value]) =>
    isPlainObject(value) && typeof value['remote'] === 'string'
      ? []
      : wrong(`${path}.${key}`, "remote<typeof other>('other')", value),
  );
}

function checkEvents(definition: ServiceDefinition): Problem[] {
  return Object.entries(definition.events).flatMap(([name, event]: [string, unknown]) => {
    const path = `events.${name}`;
    if (!isEventName(name))
      return [{ path, message: 'an event is named by words joined by dots, like user.created' }];
    if (!isPlainObject(event) || !isSchema(event['schema'])) return wrong(path, 'on(schema, handler)', event);
    const problems = event['mode'] === 'durable' ? checkDurable(event['durable'], path) : [];
    return typeof event['handle'] === 'function'
      ? problems
      : [...problems, ...wrong(path, 'a handler', event['handle'])];
  });
}

function checkEmits(emits: unknown): Problem[] {
  if (emits === undefined) return [];
  if (!isPlainObject(emits)) return wrong('emits', 'an object of schemas', emits);
  return Object.entries(emits).flatMap(([name, schema]) => [
    ...(isEventName(name)
      ? []
      : [{ path: `emits.${name}`, message: 'an event is named by words joined by dots, like user.created' }]),
    ...optionalSchema(`emits.${name}`, schema),
  ]);
}

/** What the default export of a module is, when it is no service. */
export function asService(exported: unknown, path: string): ServiceDefinition | Problem {
  if (isPlainObject(exported) && exported['kind'] === 'service')
    return exported as unknown as ServiceDefinition;
  return { path, message: 'the module must export a service: `export default defineService({...})`' };
}

export function checkService(definition: ServiceDefinition): Problem[] {
  const named: Problem[] =
    typeof definition.name === 'string' && isName(definition.name)
      ? []
      : wrong('name', 'a name of letters, digits, "_" and "-"', definition.name);
  const given: Record<string, unknown> = { ...definition.given };
  return [
    ...named,
    ...unknownKeys(given, serviceKeys, ''),
    // What is no function was not called: without this line all that is in it would be ignored.
    ...optionalFunction('actions', given['actions']),
    ...optionalFunction('events', given['events']),
    ...optionalFunction('queues', given['queues']),
    ...(typeof definition.version === 'string' && definition.version !== ''
      ? []
      : wrong('version', 'a text like "1.2.0"', definition.version)),
    ...optionalSchema('config', definition.config),
    ...checkErrors(definition.errors),
    ...checkRemotes(definition.needs, 'needs'),
    ...checkRemotes(definition.mayCall, 'mayCall'),
    ...checkServiceCalls(definition.calls, 'calls'),
    ...checkEmits(definition.emits),
    ...optionalFunction('open', definition.open),
    ...optionalFunction('check', definition.check),
    ...optionalFunction('close', definition.close),
    ...checkActions(definition),
    ...checkEvents(definition),
    ...Object.entries(definition.queues).flatMap(([name, worker]) =>
      checkWorker(name, worker, `queues.${name}`),
    ),
    ...checkIsolate(definition.isolate, definition.queues),
  ];
}

/** The config of the app file, held against the service's own schema. */
export async function checkConfig(
  definition: ServiceDefinition,
  config: unknown,
  path: string,
): Promise<Problem[]> {
  if (definition.config === undefined) {
    const given = isPlainObject(config) ? Object.keys(config) : [];
    return given.map((key) => ({
      path: `${path}.${key}`,
      message: 'the service declares no `config` schema',
    }));
  }
  // `checkService` names a config that is no schema.
  if (!isSchema(definition.config)) return [];
  try {
    const result = await definition.config['~standard'].validate(config ?? {});
    return inputIssues(result.issues ?? []).map((issue) => ({
      path: issue.path === '' ? path : `${path}.${issue.path}`,
      message: issue.message,
    }));
  } catch (error) {
    return [{ path, message: `the schema threw ${error instanceof Error ? error.message : shown(error)}` }];
  }
}
