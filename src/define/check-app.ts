/**
 * Finds everything that is wrong in an app file as data; `check-together.ts`: between its services, once their manifests are there.
 * Pure; used by the supervisor, `tutti check` and the test kit.
 */
import { isWeaker } from '../core/ack-class.ts';
import { isName } from '../core/ids.ts';
import type { Problem } from '../core/options.ts';
import { checkOptions, isPlainObject, shown, unknownKeys } from '../core/options.ts';
import type { OptionsIn, OptionTable } from '../core/options.ts';
import { readStoreUrl } from '../core/store-url.ts';
import { checkAppCalls } from './check-calls.ts';
import { checkJobsList } from './check-gateway-jobs.ts';
import {
  appOptions,
  gatewayOptions,
  healthOptions,
  logsOptions,
  poolOptions,
  restartOptions,
  serviceOptions,
  storeOptions,
  stopOptions,
} from './options.ts';
import { checkRange } from './replicas.ts';
import { checkServedServices } from './check-gateways.ts';

const policyTables = { restart: restartOptions, stop: stopOptions, health: healthOptions } as const;
const policyKeys = Object.keys(policyTables);
const logLevels = ['debug', 'info', 'warn', 'error'];

const pick = (value: Record<string, unknown>, table: OptionTable): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([key]) => Object.hasOwn(table, key)));

const checkPolicies = (value: Record<string, unknown>, prefix: string): Problem[] =>
  Object.entries(policyTables).flatMap(([key, table]) => checkOptions(table, value[key], `${prefix}${key}`));

/** One entry of `services` or `gateways`: its keys, its options, its policies. */
function checkEntry(
  value: unknown,
  path: string,
  known: { readonly keys: readonly string[]; readonly table: OptionTable },
): Problem[] {
  if (!isPlainObject(value)) return [{ path, message: `expected an object, got ${shown(value)}` }];
  const keys = [...known.keys, ...Object.keys(known.table), ...policyKeys];
  return [
    ...unknownKeys(value, keys, path),
    ...checkOptions(known.table, pick(value, known.table), path),
    ...checkPolicies(value, `${path}.`),
  ];
}

/** A service's own environment is for its settings; these would change what runs before its first line. */
const loaderVariables: ReadonlySet<string> = new Set([
  'NODE_OPTIONS',
  'NODE_PATH',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'LD_AUDIT',
  'DYLD_INSERT_LIBRARIES',
  'PATH',
  'BASH_ENV',
  'ENV',
]);

function checkEnv(env: unknown, path: string): Problem[] {
  if (env === undefined) return [];
  if (!isPlainObject(env)) return [{ path, message: `expected an object of texts, got ${shown(env)}` }];
  return Object.entries(env).flatMap(([key, value]) => {
    const problem = (message: string): Problem[] => [{ path: `${path}.${key}`, message }];
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key))
      return problem('a variable is named by letters, digits and "_"');
    if (loaderVariables.has(key))
      return problem('decides what code is loaded; set it for `tutti start` itself if it must be');
    const isText = typeof value === 'string' && !value.includes('\0');
    return isText ? [] : problem(`expected a text, got ${shown(value)}`);
  });
}

function checkPool({ pool, replicas }: Record<string, unknown>, path: string): Problem[] {
  const problems = checkOptions(poolOptions, pool, `${path}.pool`);
  if (pool !== undefined && replicas !== undefined)
    problems.push({
      path: `${path}.replicas`,
      message: 'a pool says how many there are by `pool.size` and `pool.spares`; leave one of the two out',
    });
  return problems;
}

function checkServiceEntry(name: string, value: unknown): Problem[] {
  const path = `services.${name}`;
  const { replicas: count, ...table } = serviceOptions;
  const range = isPlainObject(value) ? checkRange(value['replicas'], `${path}.replicas`) : undefined;
  const keys = ['module', 'config', 'env', 'replicas', 'pool', 'calls'];
  const problems = [
    ...checkEntry(
      value,
      path,
      range === undefined ? { keys, table: { replicas: count, ...table } } : { keys, table },
    ),
    ...(range ?? []),
  ];
  if (!isName(name)) problems.push({ path, message: 'a service is named by letters, digits, "_" and "-"' });
  if (!isPlainObject(value)) return problems;
  const { module, config, env, calls } = value;
  if (typeof module !== 'string' || module === '')
    problems.push({ path: `${path}.module`, message: `expected the path of a module, got ${shown(module)}` });
  if (config !== undefined && !isPlainObject(config))
    problems.push({ path: `${path}.config`, message: `expected an object, got ${shown(config)}` });
  return [
    ...problems,
    ...checkEnv(env, `${path}.env`),
    ...checkPool(value, path),
    ...checkAppCalls(calls, `${path}.calls`),
  ];
}

const loopback = /^(localhost|::1|127(\.\d{1,3}){3})$/;
export const isLoopback = (host: string): boolean => loopback.test(host);

function checkGatewayEntry(name: string, value: unknown, services: readonly string[]): Problem[] {
  const path = `gateways.${name}`;
  const problems = checkEntry(value, path, { keys: ['hooks', 'jobs', 'services'], table: gatewayOptions });
  if (!isName(name)) problems.push({ path, message: 'a gateway is named by letters, digits, "_" and "-"' });
  if (!isPlainObject(value)) return problems;
  const { host, exposed, hooks, jobs } = value;
  if (typeof host === 'string' && !isLoopback(host) && exposed !== true)
    problems.push({
      path: `${path}.host`,
      message: `${shown(host)} can be reached from outside this machine; say so with \`exposed: true\``,
    });
  if (hooks !== undefined && typeof hooks !== 'string')
    problems.push({ path: `${path}.hooks`, message: `expected the path of a module, got ${shown(hooks)}` });
  return [
    ...problems,
    ...checkJobsList(jobs, `${path}.jobs`),
    ...checkServedServices(value['services'], `${path}.services`, services),
  ];
}

const healthOrder = ['beat', 'staleAfter', 'heartbeatTimeout'] as const;

/** Each must be shorter than the next, with what the app says for all filled in. */
function checkHealthOrder(app: Record<string, unknown>, entry: unknown, path: string): Problem[] {
  const own = isPlainObject(entry) ? entry['health'] : undefined;
  if (!isPlainObject(own)) return [];
  const common = isPlainObject(app['health']) ? app['health'] : {};
  const value = (key: (typeof healthOrder)[number]): unknown =>
    own[key] ?? common[key] ?? healthOptions[key].default;
  return healthOrder.slice(1).flatMap((longer, at) => {
    const shorter = healthOrder[at] ?? longer;
    const [less, more] = [value(shorter), value(longer)];
    if (typeof less !== 'number' || typeof more !== 'number' || less < more) return [];
    const message = `must be shorter than ${longer} (${String(more)} ms), is ${String(less)} ms`;
    return [{ path: `${path}health.${shorter}`, message }];
  });
}

const appKeys = [
  'kind',
  'name',
  'services',
  'gateways',
  'logLevel',
  'logs',
  'store',
  'onEvent',
  ...policyKeys,
  ...Object.keys(appOptions),
];

/** Its folder is made when it is missing; a name that no file can have is told before anything starts. */
function checkLogs(logs: unknown): Problem[] {
  const problems = checkOptions(logsOptions, logs, 'logs');
  if (!isPlainObject(logs) || problems.length > 0) return problems;
  const { file } = logs;
  if (file === undefined && Object.keys(logs).length > 0)
    return [{ path: 'logs.file', message: 'expected the path of a file, got undefined' }];
  if (typeof file === 'string' && (/[\u0000-\u001f\u007f]/.test(file) || /(^|\/)\.{0,2}$/.test(file)))
    return [{ path: 'logs.file', message: `expected the path of a file, got ${shown(file)}` }];
  return [];
}

function checkStore(store: unknown): Problem[] {
  const problems = checkOptions(storeOptions, store, 'store');
  if (!isPlainObject(store) || problems.length > 0) return problems;
  const { url = storeOptions.url.default, name, requireAck } = store as OptionsIn<typeof storeOptions>;
  const read = readStoreUrl(url);
  // A URL may hold a password: it is not shown.
  if (typeof read === 'string') return [{ path: 'store.url', message: read }];
  if (name !== undefined && !storeName.test(name))
    return [
      {
        path: 'store.name',
        message: `expected up to 64 letters, digits, "-", "_" and ".", got ${shown(name)}`,
      },
    ];
  if (read.engine === 'sqlite' && name !== undefined)
    return [{ path: 'store.name', message: 'a store in a file has the name of its file: leave this out' }];
  if (read.engine === 'sqlite' && requireAck !== undefined && isWeaker('disk', requireAck))
    return [
      {
        path: 'store.requireAck',
        message: 'a store in a file survives the loss of power ("disk"), and no more',
      },
    ];
  return [];
}

const storeName = /^[\w.-]{1,64}$/;

/** With its path in the file, in words. */
export function checkApp(app: unknown): Problem[] {
  if (!isPlainObject(app) || app['kind'] !== 'app')
    return [{ path: '', message: 'the app file must export an app: `export default defineApp({...})`' }];
  const { name, services, gateways = {}, logLevel } = app;
  const problems = [
    ...unknownKeys(app, appKeys, ''),
    ...checkPolicies(app, ''),
    ...checkHealthOrder(app, app, ''),
    ...checkLogs(app['logs']),
    ...checkStore(app['store']),
  ];
  for (const problem of checkOptions(appOptions, pick(app, appOptions), ''))
    problems.push({ ...problem, path: problem.path.slice(1) });
  if (typeof name !== 'string' || !isName(name))
    problems.push({
      path: 'name',
      message: `expected a name of letters, digits, "_" and "-", got ${shown(name)}`,
    });
  if (logLevel !== undefined && !logLevels.includes(logLevel as string))
    problems.push({
      path: 'logLevel',
      message: `expected one of ${logLevels.join(', ')}, got ${shown(logLevel)}`,
    });
  const { onEvent } = app;
  if (onEvent !== undefined && (typeof onEvent !== 'string' || onEvent === ''))
    problems.push({ path: 'onEvent', message: `expected the path of a module, got ${shown(onEvent)}` });
  if (!isPlainObject(services) || Object.keys(services).length === 0)
    problems.push({ path: 'services', message: 'expected at least one service' });
  else problems.push(...Object.entries(services).flatMap(([key, entry]) => checkServiceEntry(key, entry)));
  for (const [group, entries] of Object.entries({ services, gateways }))
    for (const [key, entry] of Object.entries(isPlainObject(entries) ? entries : {}))
      problems.push(...checkHealthOrder(app, entry, `${group}.${key}.`));
  if (!isPlainObject(gateways))
    problems.push({ path: 'gateways', message: `expected an object, got ${shown(gateways)}` });
  else {
    const names = isPlainObject(services) ? Object.keys(services) : [];
    problems.push(
      ...Object.entries(gateways).flatMap(([key, entry]) => checkGatewayEntry(key, entry, names)),
    );
  }
  return problems;
}
