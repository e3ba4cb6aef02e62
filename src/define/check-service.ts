/**
 * Finds everything that is wrong in one service definition, without running it. Used by the manifest process and by the test kit.
 */
import { isErrorCode } from '../core/errors.ts';
import { isEventName, isName } from '../core/ids.ts';
import type { Problem } from '../core/options.ts';
import { isPlainObject, shown, unknownKeys } from '../core/options.ts';
import { checkActions } from './check-actions.ts';
import { checkServiceCalls } from './check-calls.ts';
import { isWhole, optionalFunction, optionalSchema, wrong } from './check-value.ts';
import { checkDurable } from './durable.ts';
import { checkIsolate } from './isolate.ts';
import { checkWorker } from './queue.ts';
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
