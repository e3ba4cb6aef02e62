/**
 * Runs one definition: open, serve, drain, close. Used by the instance program, and by the test kit in a test's own process;
 * it does not know which. It owns the caller, the responder and what `open` made.
 */
import type { Certificate, CertificateClaims } from '../core/certificate.ts';
import { mayCall } from '../core/certificate.ts';
import { TuttiError } from '../core/errors.ts';
import { instanceId, isSystemService, slotId } from '../core/ids.ts';
import type { InstanceRef } from '../core/ids.ts';
import type { MetricFamily } from '../core/metric.ts';
import { problemText, shown } from '../core/options.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Shared } from '../define/handling.ts';
import type { ServiceManifest } from '../define/manifest.ts';
import { inputIssues } from '../define/schema.ts';
import type { ServiceDefinition } from '../define/service.ts';
import type { Caller } from '../mesh/caller.ts';
import { makeCaller } from '../mesh/mesh-caller.ts';
import type { RegistryView } from '../mesh/registry-view.ts';
import type { PlaceWatcher } from '../mesh/place.ts';
import type { Responder } from '../mesh/responder.ts';
import { makeResponder } from '../mesh/responder.ts';
import { storeOf } from '../mesh/store-client.ts';
import type { StoreClient } from '../mesh/store-client.ts';
import type { Transport } from '../mesh/transport/transport.ts';
import { ActionMetrics } from '../telemetry/action-metrics.ts';
import { callFamilies } from './call-metrics.ts';
import type { Logger } from '../telemetry/logger.ts';
import { servedActions, servedEvents } from './actions.ts';
import { servedDurableEvents } from './durable-events.ts';
import { makeClients } from './clients.ts';
import { makeEmit } from './emitter.ts';
import { JobRuns } from './job-runs.ts';
import type { RunWatcher } from './job-runs.ts';
import { makeJobs } from './jobs.ts';
import type { HandlerKit } from './handling.ts';
import { makeFail } from './handling.ts';
import { metricsAction } from './metrics-action.ts';
import { servedJobs } from './served-jobs.ts';

/** A definition of ours may also want to be told first that it stops. */
export type HostedDefinition = ServiceDefinition & { readonly drain?: (around: never) => unknown };

export interface HostNeeds {
  readonly definition: HostedDefinition;
  readonly manifest: ServiceManifest;
  readonly config: unknown;
  readonly self: InstanceRef;
  readonly claims: CertificateClaims;
  readonly certificate: Certificate;
  readonly verify: (certificate: Certificate) => CertificateClaims | undefined;
  readonly transport: Transport;
  /** Where to listen. */
  readonly address: string;
  readonly registry: RegistryView;
  readonly shared: Shared;
  /** Asks for more time while it is being stopped. Milliseconds from now. */
  readonly extend: (ms: number) => void;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** What its process counts beside its calls. */
  readonly families?: () => readonly MetricFamily[];
  /** It is in a pool. */
  readonly pool?: PlaceWatcher | undefined;
  /** It is isolated. */
  readonly jobs?: RunWatcher | undefined;
  /** For services of ours: the `runtime` argument of `open`. */
  readonly runtime?: (caller: Caller) => unknown;
}

export interface Host {
  readonly caller: Caller;
  readonly responder: Responder;
  /** Own readiness; true where the service declares no check. @throws what the check throws. */
  check(): Promise<boolean>;
  /** Takes nothing new and finishes what is in hand. False: not done when `signal` aborted. */
  drain(signal: AbortSignal): Promise<boolean>;
  /** `close()` of the service, then the connections. Closing twice is harmless. */
  close(): Promise<void>;
}

async function readConfig(needs: HostNeeds): Promise<unknown> {
  const { definition, config } = needs;
  if (definition.config === undefined) return {};
  const result = await definition.config['~standard'].validate(config ?? {});
  if (result.issues === undefined) return result.value;
  const lines = inputIssues(result.issues).map((issue) =>
    problemText({ path: issue.path === '' ? 'config' : `config.${issue.path}`, message: issue.message }),
  );
  throw new TuttiError('CONFIG_INVALID', { message: lines.join('\n'), lines });
}

const asFunction = (part: unknown): ((around: unknown) => unknown) | undefined =>
  part as ((around: unknown) => unknown) | undefined;

interface Opened {
  readonly needs: HostNeeds;
  readonly caller: Caller;
  readonly kit: HandlerKit;
  readonly config: unknown;
  readonly store: StoreClient;
  readonly runs: JobRuns;
}

/** Everything up to and with the user's `open()`. What fails in it leaves nothing open. */
async function openParts(needs: HostNeeds): Promise<Opened> {
  const { definition, registry, transport, clock, random, certificate, verify, log, shared, extend } = needs;
  const config = await readConfig(needs);
  const caller = makeCaller({
    ...{ transport, registry, clock, random, certificate, verify },
    maySelf: (service) => mayCall(needs.claims, service),
    log: (level, sentence, fields) => {
      log[level](sentence, fields);
    },
  });
  const calls = makeClients(caller, { ...definition.needs, ...definition.mayCall });
  const emit = makeEmit(caller, definition.emits);
  const store = storeOf(caller, needs);
  const jobs = makeJobs(store, clock);
  const around = {
    config,
    calls,
    emit,
    jobs,
    log,
    shared,
    extend,
    ...(needs.runtime === undefined ? {} : { runtime: needs.runtime(caller) }),
  };
  try {
    const parts = (await asFunction(definition.open)?.(around)) ?? {};
    return {
      needs,
      caller,
      config,
      store,
      runs: new JobRuns(clock, needs.jobs),
      kit: { parts, calls, emit, jobs, fail: makeFail(definition.errors), log, shared, extend, clock },
    };
  } catch (error) {
    await caller.close();
    throw error;
  }
}

/** `close()` of the service; what fails in it is told, and stops nothing. */
async function closeParts({ needs, kit }: Opened): Promise<void> {
  try {
    await asFunction(needs.definition.close)?.({ parts: kit.parts, extend: kit.extend });
  } catch (error) {
    needs.log.error('close() of the service failed', {
      error: error instanceof Error ? (error.stack ?? error.message) : shown(error),
    });
  }
}

class RunningHost implements Host {
  readonly caller: Caller;
  readonly responder: Responder;
  readonly #opened: Opened;
  #closed: Promise<void> | undefined;

  constructor(opened: Opened, responder: Responder) {
    this.#opened = opened;
    this.caller = opened.caller;
    this.responder = responder;
  }

  async check(): Promise<boolean> {
    const { needs, kit } = this.#opened;
    return (await asFunction(needs.definition.check)?.({ parts: kit.parts })) !== false;
  }

  async drain(signal: AbortSignal): Promise<boolean> {
    const { needs, kit, config, runs } = this.#opened;
    await asFunction(needs.definition.drain)?.({ parts: kit.parts, config, extend: kit.extend });
    const drained = await Promise.all([this.responder.drain(signal), runs.drain(signal)]);
    const isDone = drained.every(Boolean);
    if (!isDone) await runs.release(new TuttiError('STOPPING', { instance: instanceId(needs.self) }));
    return isDone;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await closeParts(this.#opened);
    await Promise.all([this.responder.close(), this.caller.close()]);
  }
}

/** What a service of ours counts beside its actions: its parts may have `metrics()`. */
function ownFamilies(parts: unknown): MetricFamily[] {
  const { metrics } = parts as { metrics?: () => MetricFamily[] };
  return metrics?.call(parts) ?? [];
}

function listen({ needs, kit, caller, store, runs }: Opened): Promise<Responder> {
  const { definition, manifest, transport, address, self, certificate, verify, registry, clock, log } = needs;
  const labels = { service: self.service, instance: slotId(self) };
  const metrics = new ActionMetrics(labels);
  const families = (): MetricFamily[] => [
    ...metrics.families(),
    ...callFamilies(caller.stats(), labels),
    ...(needs.families?.() ?? []),
    ...(isSystemService(self.service) ? ownFamilies(kit.parts) : []),
  ];
  const serving = { definition, manifest, kit, metrics, log };
  return makeResponder({
    ...{ transport, address, self, certificate, verify, clock, pool: needs.pool },
    isCurrent: (claims) => claims.epoch >= registry.newestEpoch(claims.service, claims.slot),
    actions: [
      ...servedActions(serving),
      ...servedDurableEvents(serving),
      ...servedJobs(serving, store, runs),
      metricsAction(families),
    ],
    events: servedEvents(serving),
    log: (level, sentence, fields) => {
      log[level](sentence, fields);
    },
  });
}

/** Resolves when it serves. @throws what `open()` throws, or `CONFIG_INVALID`; then nothing is left open. */
export async function startHost(needs: HostNeeds): Promise<Host> {
  const opened = await openParts(needs);
  try {
    return new RunningHost(opened, await listen(opened));
  } catch (error) {
    await closeParts(opened);
    await opened.caller.close();
    throw error;
  }
}
