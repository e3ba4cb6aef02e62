/**
 * What shall run, worked out once from app file, manifests and the changes by hand: per service how many, with which module,
 * configuration and times, and in which order. Pure data; nothing here starts anything.
 */
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventHookService, gatewayService, storeService } from '../../core/ids.ts';
import { startLevels } from '../../core/graph.ts';
import type { ReplicaRange } from '../../core/autoscale.ts';
import type { HealthPolicy } from '../../core/health.ts';
import { fillOptions } from '../../core/options.ts';
import type { OptionsOf } from '../../core/options.ts';
import type { PoolPolicy } from '../../core/pool.ts';
import { poolTimes } from '../../core/pool.ts';
import type { RestartPolicy } from '../../core/restart-policy.ts';
import type { StopPolicy } from '../../core/instance-state.ts';
import type { StorePlace } from '../../core/store-url.ts';
import { readStoreUrl } from '../../core/store-url.ts';
import type { ServiceTuning } from '../../core/tuning.ts';
import type { AppDefinition, GatewayEntry, PolicyInput, ServiceEntry } from '../../define/app.ts';
import { processesOf } from '../../define/app.ts';
import { tuningOf } from '../../define/tune-service.ts';
import type { AppManifest, EventManifest } from '../../define/manifest.ts';
import {
  appOptions,
  gatewayOptions,
  healthOptions,
  poolOptions,
  restartOptions,
  serviceOptions,
  stopOptions,
  storeOptions,
} from '../../define/options.ts';
import { rangeOf } from '../../define/replicas.ts';

export interface ServicePlan {
  readonly name: string;
  readonly system: boolean;
  readonly version: string;
  /** Where there is a range, its fewest. */
  readonly replicas: number;
  /** Between which the load decides; undefined: nobody but a person does. */
  readonly range: ReplicaRange | undefined;
  readonly optional: boolean;
  /** `file:` URL. */
  readonly module: string;
  readonly config: unknown;
  readonly env: Readonly<Record<string, string>>;
  readonly needs: readonly string[];
  readonly mayCall: readonly string[];
  readonly events: Readonly<Record<string, EventManifest['mode']>>;
  readonly listener: { readonly name: string; readonly host: string; readonly port: number } | undefined;
  readonly restart: RestartPolicy;
  readonly stop: StopPolicy;
  readonly health: HealthPolicy & { readonly beat: number; readonly checkInterval: number };
  readonly pool: PoolPolicy | undefined;
  /** How calls to it are made, where that is not as everywhere. */
  readonly calls: ServiceTuning | undefined;
  /** 0 starts first; gateways start at once and stop first, store and event hook start at once and stop last. */
  readonly level: number;
}

export interface AppPlan {
  readonly app: AppDefinition;
  readonly appFile: string;
  readonly manifest: AppManifest;
  readonly options: OptionsOf<typeof appOptions>;
  readonly services: ReadonlyMap<string, ServicePlan>;
}

export interface PlanInput {
  readonly app: AppDefinition;
  readonly appFile: string;
  readonly manifest: AppManifest;
  readonly version: string;
  readonly stateDir: string;
}

// In the package these are .js files; the suffix of this one tells.
const suffix = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const ourModule = (path: string): string => new URL(`../../services/${path}${suffix}`, import.meta.url).href;
const gatewayModule = ourModule('gateway/gateway');
const eventHookModule = ourModule('event-hook/event-hook');
const storeModule = ourModule('store/store');

const gatewayLevel = -1;
const storeLevel = -2;
const hookLevel = -3;

const policies = (
  app: PolicyInput,
  entry: PolicyInput,
): Pick<ServicePlan, 'restart' | 'stop' | 'health'> => ({
  restart: fillOptions(restartOptions, app.restart, entry.restart),
  stop: fillOptions(stopOptions, app.stop, entry.stop),
  health: fillOptions(healthOptions, app.health, entry.health),
});

function servicePlan([name, entry]: [string, ServiceEntry], input: PlanInput, level: number): ServicePlan {
  const manifest = input.manifest.services[name];
  const { optional } = fillOptions(serviceOptions, { optional: entry.optional });
  const pool = entry.pool === undefined ? undefined : fillOptions(poolOptions, entry.pool);
  const times = policies(input.app, entry);
  const needs = manifest?.needs ?? [];
  return {
    ...{ name, system: false, level, needs, optional, pool, replicas: processesOf(entry) },
    range: rangeOf(entry.replicas),
    ...(pool === undefined ? times : poolTimes(times, pool)),
    version: manifest?.version ?? '?',
    module: pathToFileURL(resolve(dirname(input.appFile), entry.module)).href,
    config: entry.config ?? {},
    env: entry.env ?? {},
    mayCall: [
      ...needs,
      ...(manifest?.mayCall ?? []),
      ...(input.app.store === undefined ? [] : [storeService]),
    ],
    events: Object.fromEntries(
      Object.entries(manifest?.events ?? {}).map(([event, { mode }]) => [event, mode]),
    ),
    calls: tuningOf(manifest),
    listener: undefined,
  };
}

/** What all services of ours have in common, as far as nothing else is said of one. */
const ours = {
  system: true,
  needs: [],
  mayCall: [],
  events: {},
  env: {},
  pool: undefined,
  calls: undefined,
  range: undefined,
  replicas: 1,
  listener: undefined,
} as const;

const eventHookPlan = (hook: string, input: PlanInput): ServicePlan => ({
  ...ours,
  ...policies(input.app, {}),
  name: eventHookService,
  level: hookLevel,
  version: input.version,
  optional: true,
  module: eventHookModule,
  config: { module: resolve(dirname(input.appFile), hook) },
});

/** What the process of the store is told: where the truth is. */
function storePlace(entry: NonNullable<AppDefinition['store']>, input: PlanInput): StorePlace {
  const { url, name = input.app.name, requireAck } = fillOptions(storeOptions, entry);
  const read = readStoreUrl(url);
  const folder = join(input.stateDir, 'store-copy');
  if (typeof read === 'object' && read.engine !== 'sqlite')
    return { ...read, name, folder, app: input.app.name, requireAck };
  const path = typeof read === 'string' ? '' : read.path;
  return {
    engine: 'sqlite',
    file: path === '' ? join(input.stateDir, 'store.db') : resolve(dirname(input.appFile), path),
  };
}

function storePlan(entry: NonNullable<AppDefinition['store']>, input: PlanInput): ServicePlan {
  return {
    ...ours,
    ...policies(input.app, {}),
    name: storeService,
    level: storeLevel,
    // It delivers events.
    mayCall: ['*'],
    version: input.version,
    optional: false,
    module: storeModule,
    config: storePlace(entry, input),
  };
}

function gatewayPlan(gateway: string, entry: GatewayEntry, input: PlanInput): ServicePlan {
  const name = gatewayService(gateway);
  const { hooks, jobs, services: _o, restart: _r, stop: _s, health: _h, ...given } = entry;
  const options = fillOptions(gatewayOptions, given);
  const hooksPath = hooks === undefined ? {} : { hooks: resolve(dirname(input.appFile), hooks) };
  return {
    ...ours,
    ...policies(input.app, entry),
    name,
    level: gatewayLevel,
    mayCall: ['*'],
    optional: false,
    version: input.version,
    replicas: options.replicas,
    module: gatewayModule,
    config: {
      app: input.app.name,
      name: gateway,
      hasStore: input.app.store !== undefined,
      ...options,
      ...hooksPath,
      ...(jobs === undefined ? {} : { jobs }),
    },
    listener: { name, host: options.host, port: options.port },
  };
}

export function makePlan(input: PlanInput): AppPlan {
  const { app, appFile, manifest } = input;
  const needs = new Map(
    Object.keys(app.services).map((name) => [name, manifest.services[name]?.needs ?? []]),
  );
  const levelOf = new Map(
    startLevels(needs).flatMap((names, level) => names.map((name) => [name, level] as const)),
  );
  const plans = [
    ...Object.entries(app.services).map(([name, entry]) =>
      servicePlan([name, entry], input, levelOf.get(name) ?? 0),
    ),
    ...Object.entries(app.gateways ?? {}).map(([name, entry]) => gatewayPlan(name, entry, input)),
    ...(app.store === undefined ? [] : [storePlan(app.store, input)]),
    ...(app.onEvent === undefined ? [] : [eventHookPlan(app.onEvent, input)]),
  ];
  const options = fillOptions(appOptions, {
    shutdownTimeout: app.shutdownTimeout,
    orphanGrace: app.orphanGrace,
  });
  return { app, appFile, manifest, options, services: new Map(plans.map((plan) => [plan.name, plan])) };
}

/** Services to stop side by side, one list after the other: gateways, then those who need, then what they need, then who hears of it. */
export function stopOrder(plan: AppPlan): string[][] {
  const plans = [...plan.services.values()];
  const turn = (level: number): number => (level === gatewayLevel ? Infinity : level);
  const levels = [...new Set(plans.map(({ level }) => level))].sort((a, b) => turn(b) - turn(a));
  return levels.map((level) => plans.filter((one) => one.level === level).map(({ name }) => name));
}
