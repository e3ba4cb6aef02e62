/**
 * An app in the test's own process: the same hosts, the same mesh, over the memory transport. No keeper and no supervisor:
 * what is about processes (`kill`, `restart`) asks for `processes: true`.
 */
import { mkdtempDisposableSync } from 'node:fs';
import type { DisposableTempDir } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CertificateClaims } from '../core/certificate.ts';
import { TuttiError } from '../core/errors.ts';
import { startLevels } from '../core/graph.ts';
import { gatewayService, storeService } from '../core/ids.ts';
import type { StorePlace } from '../core/store-url.ts';
import { fillOptions } from '../core/options.ts';
import type { AppStatus } from '../core/status.ts';
import type { AppDefinition } from '../define/app.ts';
import { gatewayManifests } from '../define/served-services.ts';
import { tuneService, tuningOf } from '../define/tune-service.ts';
import { checkTogether } from '../define/check-together.ts';
import { configInvalid, loadApp } from '../define/load-app.ts';
import type { AppManifest } from '../define/manifest.ts';
import { makeManifest } from '../define/manifest.ts';
import { gatewayOptions } from '../define/options.ts';
import type { Host, HostedDefinition } from '../host/host.ts';
import { startHost } from '../host/host.ts';
import type { LoadedService } from '../host/load-service.ts';
import { loadService } from '../host/load-service.ts';
import type { Caller } from '../mesh/caller.ts';
import { makeCaller } from '../mesh/mesh-caller.ts';
import type { RegistryService } from '../mesh/registry-view.ts';
import { RegistryView } from '../mesh/registry-view.ts';
import type { SystemRuntime } from '../mesh/runtime.ts';
import { memoryTransport } from '../mesh/transport/memory.ts';
import type { Transport } from '../mesh/transport/transport.ts';
import { systemClock } from '../os/clock.ts';
import type { RunKeys } from '../os/identity.ts';
import { generateKeys, issueCertificate, makeVerifier } from '../os/identity.ts';
import { gateway } from '../services/gateway/gateway.ts';
import type { GatewayParts } from '../services/gateway/gateway.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { inProcessStatus } from './in-process-status.ts';
import type { Running } from './in-process-status.ts';
import { LocalShared } from './local-shared.ts';
import type { TestApp, TestAppOptions, TestStream } from './test-app.ts';

interface Startable {
  readonly name: string;
  readonly loaded: LoadedService;
  readonly config: unknown;
  readonly mayCall: readonly string[];
}

interface OurService {
  readonly name: string;
  readonly config: unknown;
  readonly definition: HostedDefinition;
}

let readings = 0;
const drainMs = 5_000;
const ownHostOnly = { host: '127.0.0.1', port: 0 };

/** The services asked for, and all that they need. */
function withNeeds(only: readonly string[], manifest: AppManifest): Set<string> {
  const wanted = new Set<string>();
  const add = (name: string): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    manifest.services[name]?.needs.forEach(add);
  };
  only.forEach(add);
  return wanted;
}

class InProcessApp implements TestApp {
  readonly #app: AppDefinition;
  readonly #keys: RunKeys = generateKeys();
  readonly #transport: Transport = memoryTransport();
  readonly #registry = new RegistryView();
  readonly #shared = new LocalShared(systemClock);
  readonly #running: Running[] = [];
  readonly #gateways = new Map<string, GatewayParts>();
  readonly #operator: Caller;
  #manifest: AppManifest;
  #folder: DisposableTempDir | undefined;
  #closed: Promise<void> | undefined;

  constructor(app: AppDefinition) {
    this.#app = app;
    this.#manifest = { app: app.name, services: {} };
    this.#operator = this.#callerOf('operator:test');
  }

  async open(appFile: string, options: TestAppOptions): Promise<void> {
    const loaded = await this.#loadAll(appFile);
    const names =
      options.only === undefined ? new Set(loaded.keys()) : withNeeds(options.only, this.#manifest);
    const needs = new Map([...names].map((name) => [name, this.#manifest.services[name]?.needs ?? []]));
    await this.#startStore();
    for (const name of startLevels(needs).flat()) {
      const service = loaded.get(name);
      if (service === undefined) throw new TuttiError('NOT_FOUND', { what: `The service ${name}` });
      const { manifest } = service;
      await this.#start({
        name,
        loaded: service,
        config: this.#app.services[name]?.config ?? {},
        mayCall: [...manifest.needs, ...manifest.mayCall, storeService],
      });
    }
    for (const name of Object.keys(this.#app.gateways ?? {})) await this.#startGateway(name, appFile);
  }

  call(action: string, input: unknown = {}): Promise<unknown> {
    const [service = '', name = ''] = action.split('.');
    return this.#operator.call(service, name, input);
  }

  stream(action: string, input: unknown = {}, items?: Iterable<unknown>): TestStream {
    const [service = '', name = ''] = action.split('.');
    return this.#operator.stream(service, name, input, { items });
  }

  emit(event: string, payload: unknown): Promise<{ delivered: number }> {
    return this.#operator.emit(event, payload);
  }

  gatewayUrl(name = 'public'): string {
    const parts = this.#gateways.get(name);
    if (parts === undefined) throw new TuttiError('NOT_FOUND', { what: `The gateway ${name}` });
    return parts.url;
  }

  status(): Promise<AppStatus> {
    return Promise.resolve(this.#status());
  }

  async until(target: string): Promise<void> {
    // Everything is ready once startTestApp has resolved, and nothing here ever ends alone.
    if (!this.#running.some(({ name }) => name === target.split('#')[0]))
      throw new TuttiError('NOT_FOUND', { what: `The service ${target}` });
    await Promise.resolve();
  }

  kill = (instance: string): Promise<void> => this.#needsProcesses(`kill ${instance}`);
  stop = (target: string): Promise<void> => this.#needsProcesses(`stop ${target}`);
  start = (target: string): Promise<void> => this.#needsProcesses(`start ${target}`);
  restart = (target: string): Promise<void> => this.#needsProcesses(`restart ${target}`);
  scale = (service: string): Promise<void> => this.#needsProcesses(`scale ${service}`);

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #needsProcesses(what: string): Promise<never> {
    return Promise.reject(
      new TuttiError('INVALID_INPUT', {
        message: `${what}: one process cannot do that; start the test app with { processes: true }`,
      }),
    );
  }

  /** All at once, so that a test sees every problem of its app. */
  async #loadAll(appFile: string): Promise<Map<string, LoadedService>> {
    const module = (path: string): string => pathToFileURL(resolve(dirname(appFile), path)).href;
    const entries = Object.entries(this.#app.services);
    const loaded = await Promise.all(
      entries.map(async ([name, entry]) => [name, await loadService(module(entry.module), name)] as const),
    );
    this.#manifest = {
      app: this.#app.name,
      services: Object.fromEntries(
        loaded.map(([name, { manifest }]) => [name, tuneService(manifest, this.#app.services[name]?.calls)]),
      ),
      gateways: gatewayManifests(this.#app),
    };
    const problems = checkTogether(this.#app, this.#manifest);
    if (problems.length > 0) throw configInvalid(appFile, problems);
    return new Map(loaded);
  }

  async #start(service: Startable, runtime?: (caller: Caller) => SystemRuntime): Promise<Host> {
    const { name, loaded, config } = service;
    const self = { service: name, slot: 1, epoch: 1 };
    const claims = this.#claims(name, service.mayCall);
    const host = await startHost({
      ...{ ...loaded, config, self, claims },
      certificate: issueCertificate(claims, this.#keys.privateKey),
      verify: makeVerifier(this.#keys.publicKey),
      transport: this.#transport,
      address: name,
      registry: this.#registry,
      shared: this.#shared,
      // Nobody has a limit to move here.
      extend: () => undefined,
      log: silentLogger,
      clock: systemClock,
      random: Math.random,
      ...(runtime === undefined ? {} : { runtime }),
    });
    this.#running.push({ name, version: loaded.manifest.version, host });
    this.#publish();
    return host;
  }

  async #startGateway(gatewayName: string, appFile: string): Promise<void> {
    const {
      hooks,
      jobs,
      services: _o,
      restart: _r,
      stop: _s,
      health: _h,
      ...given
    } = this.#app.gateways?.[gatewayName] ?? {};
    const options = { ...fillOptions(gatewayOptions, given), ...ownHostOnly, exposed: false };
    const config = {
      app: this.#app.name,
      name: gatewayName,
      hasStore: this.#app.store !== undefined,
      ...options,
      ...(hooks === undefined ? {} : { hooks: resolve(dirname(appFile), hooks) }),
      ...(jobs === undefined ? {} : { jobs }),
    };
    const remember = async (around: never): Promise<GatewayParts> => {
      const parts = (await gateway.open?.(around)) as GatewayParts;
      this.#gateways.set(gatewayName, parts);
      return parts;
    };
    const name = gatewayService(gatewayName);
    await this.#startOurs({ name, config, definition: { ...gateway, open: remember } });
  }

  /** In a file of its own, for as long as the app lives. */
  async #startStore(): Promise<void> {
    if (this.#app.store === undefined) return;
    const { store } = await import('../services/store/store.ts');
    this.#folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-test-store-'));
    const config: StorePlace = { engine: 'sqlite', file: join(this.#folder.path, 'store.db') };
    await this.#startOurs({ name: storeService, config, definition: store });
  }

  async #startOurs({ name, config, definition }: OurService): Promise<void> {
    const { manifest } = makeManifest(definition);
    await this.#start({ name, config, mayCall: ['*'], loaded: { definition, manifest } }, (caller) =>
      this.#runtime(name, caller),
    );
  }

  #runtime(name: string, caller: Caller): SystemRuntime {
    return {
      ...{ app: this.#app.name, instance: `${name}#1`, caller, registry: this.#registry },
      ...{ clock: systemClock, random: Math.random },
      manifest: () => this.#manifest,
      onManifest: () => () => undefined,
      status: () => this.#status(),
      // Nothing of what happens to processes happens here.
      nextEvents: () => new Promise(() => undefined),
      tellUnheard: () => undefined,
      collectMetrics: () => Promise.resolve([]),
      accepts: { areLeft: true, watch: () => undefined },
      listen: ownHostOnly,
    };
  }

  #publish(): void {
    const services = this.#running.map(({ name }): [string, RegistryService] => {
      const events = Object.entries(this.#manifest.services[name]?.events ?? {}).map(
        ([event, { mode }]) => [event, mode] as const,
      );
      const calls = tuningOf(this.#manifest.services[name]);
      return [
        name,
        {
          ...(calls === undefined ? {} : { calls }),
          instances: [{ service: name, slot: 1, epoch: 1, address: name }],
          events: Object.fromEntries(events),
        },
      ];
    });
    this.#registry.replace({ revision: this.#registry.revision + 1, services: Object.fromEntries(services) });
  }

  #claims(service: string, mayCall: readonly string[]): CertificateClaims {
    return { app: this.#app.name, service, slot: 1, epoch: 1, mayCall, issuedAt: systemClock.wall() };
  }

  #callerOf(service: string): Caller {
    return makeCaller({
      ...{ transport: this.#transport, registry: this.#registry, clock: systemClock, random: Math.random },
      certificate: issueCertificate(this.#claims(service, ['*']), this.#keys.privateKey),
      verify: makeVerifier(this.#keys.publicKey),
      log: () => undefined,
    });
  }

  #status(): AppStatus {
    return inProcessStatus(this.#app.name, this.#running, this.#shared.values());
  }

  /** Gateways first, then those who need, then what they need: the reverse of the start. */
  async #close(): Promise<void> {
    for (const { host } of this.#running.toReversed()) {
      await host.drain(AbortSignal.timeout(drainMs));
      await host.close();
    }
    await this.#operator.close();
    this.#folder?.remove();
  }
}

export async function startInProcess(appFile: string, options: TestAppOptions): Promise<TestApp> {
  readings += 1;
  const definition = await loadApp(appFile, {
    settings: options.env ?? {},
    search: `?reading=${String(readings)}`,
  });
  const app = new InProcessApp(definition);
  try {
    await app.open(appFile, options);
  } catch (error) {
    await app.close();
    throw error;
  }
  return app;
}
