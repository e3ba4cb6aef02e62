/**
 * The HTTP edge of an app, as a service like any other: it turns requests into calls and answers into responses.
 * Runs no user code but its hooks, and knows of the app only its manifest, its registry and its status.
 */
import { gatewayService, slotId } from '../../core/ids.ts';
import { isLoopback } from '../../define/check-app.ts';
import type { Log } from '../../define/handling.ts';
import type { AppManifest } from '../../define/manifest.ts';
import { trusted } from '../../define/schema.ts';
import { servedManifest } from '../../define/served-services.ts';
import { defineSystemService } from '../../define/service.ts';
import type { MetricFamily, SystemRuntime } from '../../mesh/runtime.ts';
import { sqliteStateStore } from '../../stores/state/sqlite-state-store.ts';
import { storeOf } from '../../mesh/store-client.ts';
import { Authenticator } from './authenticate.ts';
import { Connections } from './connections.ts';
import { loadHooks } from './hooks.ts';
import { HttpMetrics } from './http-metrics.ts';
import { Idempotency } from './idempotency.ts';
import { ownJobs } from './own-jobs.ts';
import { Refuser } from './refuser.ts';
import { RequestHandler } from './request-handler.ts';
import { buildRouter } from './router.ts';
import type { Router } from './router.ts';
import { httpLimits, startServer } from './server.ts';
import type { HttpLimits } from './server.ts';
import { StreamAnswers, streamLimits } from './stream-answers.ts';
import type { StreamLimits } from './stream-answers.ts';
import { StreamHandler } from './stream-handler.ts';
import { UnreadAnswers, unreadLimits } from './unread-answers.ts';
import type { UnreadLimits } from './unread-answers.ts';
import { WebSockets } from './web-sockets.ts';
import { makeSystemRoutes, systemRoutes } from './system-routes.ts';

export interface GatewayConfig {
  readonly app: string;
  /** As in `gateways` of the app file. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly exposed: boolean;
  /** Bytes. */
  readonly bodyLimit: number;
  readonly maxConnections: number;
  /** Milliseconds. */
  readonly deadline: number;
  /** The app has one: answers are kept for their `Idempotency-Key`. */
  readonly hasStore?: boolean;
  /** Absolute path of a module with `onError` and `authenticate`. */
  readonly hooks?: string | undefined;
  /** Queues that are shown under `/jobs/`. */
  readonly jobs?: readonly string[];
}

/** Made by the supervisor from options it has checked. */
const gatewayConfig = trusted<GatewayConfig>();

/** For the last answer to leave. */
const answerMs = 1_000;

export interface GatewayParts {
  readonly port: number;
  readonly url: string;
  metrics(): MetricFamily[];
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface GatewayNeeds {
  readonly config: GatewayConfig;
  readonly runtime: SystemRuntime;
  readonly log: Log;
  readonly limits?: HttpLimits;
  readonly streams?: StreamLimits;
  readonly unread?: UnreadLimits;
}

export const gateway = defineSystemService<SystemRuntime, GatewayParts, typeof gatewayConfig>({
  name: 'gateway',
  version: '0.1.0',
  config: gatewayConfig,
  open: ({ config, runtime, log }) => openGateway({ config, runtime, log }),
  drain({ parts, config, extend }) {
    // What was taken is answered, where the limit of a stop is shorter than that of a request.
    extend(config.deadline + answerMs);
    return parts.drain();
  },
  close: ({ parts }) => parts.close(),
});

export async function openGateway({
  config,
  runtime,
  log,
  limits = httpLimits,
  streams = streamLimits,
  unread: limitsOfUnread = unreadLimits,
}: GatewayNeeds): Promise<GatewayParts> {
  const localOnly = isLoopback(config.host) && !config.exposed;
  let isDraining = false;
  const metrics = new HttpMetrics(config.name);
  const connections = new Connections();
  const { onError, authenticate } = await loadHooks(config.hooks);
  const refuser = new Refuser(log, onError);
  const authenticator = authenticate && new Authenticator(authenticate, log);
  const routes = followManifest(runtime, config, log);
  const answers = new StreamAnswers(streams);
  const unread = new UnreadAnswers(limitsOfUnread);
  const handler = new RequestHandler({
    caller: runtime.caller,
    streams: new StreamHandler({
      ...{ caller: runtime.caller, answers, refuser, log },
      bodyLimit: config.bodyLimit,
      bodyMs: limits.requestMs,
    }),
    bodyMs: limits.requestMs,
    router: routes.router,
    system: makeSystemRoutes({ runtime, documented: routes.documented, isDraining: () => isDraining }),
    connections,
    metrics,
    unread,
    refuser,
    authenticator,
    idempotency: config.hasStore === true ? idempotencyOf(runtime, config, log) : undefined,
    log,
    isDraining: () => isDraining,
    localOnly,
    bodyLimit: config.bodyLimit,
    deadlineMs: config.deadline,
  });
  const webSockets = new WebSockets({
    ...{ caller: runtime.caller, router: routes.router, answers, refuser, localOnly, authenticator },
    limits: streams,
    deadlineMs: config.deadline,
  });
  const server = await startServer(
    {
      handler,
      webSockets,
      refuser,
      connections,
      metrics,
      limits,
      maxConnections: config.maxConnections,
      accepts: runtime.accepts,
      isRelieved: () => hasOthers(runtime, config),
    },
    runtime.listen,
  );
  if (!isLoopback(config.host))
    log.warn('This gateway can be reached from outside this machine', {
      gateway: config.name,
      host: config.host,
      port: server.port,
    });
  return {
    port: server.port,
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${String(server.port)}`,
    metrics: () => [...metrics.families(), ...answers.families(config.name), ...unread.families(config.name)],
    drain: () => {
      isDraining = true;
      answers.drain();
      return server.drain();
    },
    close: () => {
      routes.stop();
      answers.close();
      unread.close();
      return server.close();
    },
  };
}

/** Another replica, which accepts from the same socket. */
const hasOthers = ({ registry, instance }: SystemRuntime, { name }: GatewayConfig): boolean =>
  registry.service(gatewayService(name))?.instances.some((other) => slotId(other) !== instance) ?? false;
/** Who waits for the store waits no longer than for an answer. */
function idempotencyOf(
  { caller, clock, random }: SystemRuntime,
  { deadline: withinMs }: GatewayConfig,
  log: Log,
): Idempotency {
  const state = sqliteStateStore(storeOf(caller, { clock, random, withinMs }));
  return new Idempotency({ state, clock, log });
}

interface Routes {
  readonly router: () => Router;
  /** The manifest with what we do ourselves. */
  readonly documented: () => AppManifest;
  readonly stop: () => void;
}

/** The routes of now: they follow the manifest, and outlive the instances that serve them. */
function followManifest(runtime: SystemRuntime, config: GatewayConfig, log: Log): Routes {
  const jobs = ownJobs(runtime, config);
  const build = (): { router: Router; documented: AppManifest } => {
    const whole = runtime.manifest();
    const manifest = servedManifest(whole, config.name);
    const own = jobs?.(whole);
    const router = buildRouter(manifest, systemRoutes, own);
    for (const { route, reason } of router.refused)
      log.warn('A route of the manifest is not served', { route, reason });
    const { app, services } = manifest;
    const all = own === undefined ? services : { ...services, [own.service.name]: own.service };
    return { router, documented: { app, services: all } };
  };
  let built = build();
  const stop = runtime.onManifest(() => {
    built = build();
  });
  return { router: () => built.router, documented: () => built.documented, stop };
}
