/**
 * Makes the status of the app out of slots, plan and samples. Derives everything, keeps nothing.
 */
import { displayName, slotId } from '../../core/ids.ts';
import type { SlotState } from '../../core/instance-state.ts';
import { hasProcess } from '../../core/instance-state.ts';
import type { Clock } from '../../core/ports.ts';
import type { AppStatus, InstanceStatus, ServiceStatus, Strain } from '../../core/status.ts';
import { retryText, serviceHealth, strainText } from '../../core/status.ts';
import { latencyBucketMs } from '../../core/latency-histogram.ts';
import type { ByHand } from './overrides.ts';
import type { ServicePlan } from './plan.ts';
import type { Sample } from './watched-instance.ts';

export interface StatusNeeds {
  readonly app: string;
  readonly startedAt: number;
  readonly generation: number;
  readonly pids: AppStatus['pids'];
  readonly clock: Clock;
  readonly plans: readonly ServicePlan[];
  readonly wanted: (service: string) => number;
  readonly slots: (service: string) => readonly SlotState[];
  readonly samples: (slot: SlotState) => readonly Sample[];
  /** Epoch milliseconds of the last transition. */
  readonly since: (id: string) => number;
  /** Of a pool. */
  readonly isSpare: (slot: SlotState) => boolean;
  readonly urls: (service: string) => readonly string[];
  readonly shared: Readonly<Record<string, number>>;
  readonly byHand: readonly ByHand[];
  readonly avoided: AppStatus['avoided'];
  readonly acceptFailures: AppStatus['acceptFailures'];
  readonly notes: readonly string[];
}

/** The time under which 99 of 100 calls between two samples stayed; the upper end of its bucket. */
function p99Between(first: Sample, last: Sample): number | null {
  const counts = last.record.latency.map((count, bucket) => count - (first.record.latency[bucket] ?? 0));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  let seen = 0;
  const bucket = counts.findIndex((count) => (seen += count) >= total * 0.99);
  return latencyBucketMs(bucket);
}

type Rates = Pick<InstanceStatus, 'requestsPerSecond' | 'p99Ms' | 'cpuPercent'>;

function ratesOf(samples: readonly Sample[]): Rates {
  const first = samples.at(0);
  const last = samples.at(-1);
  if (first === undefined || last === undefined || first === last)
    return { requestsPerSecond: 0, p99Ms: null, cpuPercent: null };
  const seconds = (last.at - first.at) / 1_000;
  return {
    requestsPerSecond: Math.round(((last.record.requests - first.record.requests) / seconds) * 10) / 10,
    p99Ms: p99Between(first, last),
    cpuPercent: last.cpuPercent ?? null,
  };
}

function instanceStatus(slot: SlotState, needs: StatusNeeds): InstanceStatus {
  const { clock } = needs;
  /** Monotonic to wall, for people. */
  const wallOf = (monotonic: number | null): number | null =>
    monotonic === null ? null : Math.round(clock.wall() - (clock.now() - monotonic));
  const samples = needs.samples(slot);
  const record = hasProcess(slot) ? samples.at(-1)?.record : undefined;
  return {
    slot: slotId(slot),
    epoch: slot.epoch,
    state: slot.state,
    reason: slot.reason,
    pid: slot.pid,
    ...(needs.isSpare(slot) && { isSpare: true }),
    since: needs.since(slotId(slot)),
    startedAt: wallOf(slot.spawnedAt),
    restartAt: slot.state === 'backoff' ? wallOf(slot.wakeAt) : null,
    restarts: slot.restarts,
    crashLoop: slot.crashLoop,
    lastHeartbeat: record === undefined ? null : wallOf(record.beatAt),
    requests: record?.requests ?? 0,
    errors: record?.errors ?? 0,
    inFlight: record?.inFlight ?? 0,
    loopDelayMs: record === undefined ? null : Math.round(record.loopDelayP99Ms * 10) / 10,
    rssBytes: record?.rssBytes ?? null,
    ...ratesOf(record === undefined ? [] : samples),
  };
}

export function urlsOf(listener: ServicePlan['listener'], port: number | undefined): string[] {
  if (listener === undefined || port === undefined) return [];
  const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host;
  return [`http://${host}:${String(port)}`];
}

/** Of a second each. One slow beat is no strain, and the first one of a process has its start in it. */
const steadySamples = 3;

function strainsOf(slots: readonly SlotState[], { samples, plans }: StatusNeeds): Strain[] {
  // To hold its event loop is what a pool is for.
  const isPool = ({ service }: SlotState): boolean =>
    plans.some(({ name, pool }) => name === service && pool !== undefined);
  return slots.flatMap((slot) => {
    const lately = slot.state === 'ready' ? samples(slot).slice(-steadySamples) : [];
    const last = lately.at(-1);
    if (last === undefined || lately.length < steadySamples) return [];
    const { record, minuteAgo } = last;
    return {
      loopDelayMs: isPool(slot) ? 0 : Math.min(...lately.map((sample) => sample.record.loopDelayP99Ms)),
      requests: record.requests - minuteAgo.requests,
      errors: record.errors - minuteAgo.errors,
    };
  });
}

/** What a person changed by hand, as it is said of the service and, where nobody of it is wanted, of who needs it. */
const handText = ({ service, words }: ByHand, neededBy: readonly string[]): string => {
  const need = neededBy.length === 1 ? 'needs' : 'need';
  const needers = neededBy.length === 0 ? '' : `, and ${neededBy.map(displayName).join(', ')} ${need} it`;
  return `${displayName(service)} ${words}${needers}`;
};

/** Who is to run and needs it; nobody, while it is to run itself. */
const neededBy = (service: string, { plans, wanted }: StatusNeeds): string[] =>
  wanted(service) > 0
    ? []
    : plans.filter(({ name, needs }) => wanted(name) > 0 && needs.includes(service)).map(({ name }) => name);

/** Why it does not fare well, though its instances are ready. */
function troubleOf({ name, needs: needed }: ServicePlan, needs: StatusNeeds): string | undefined {
  const away = needs.byHand.find(({ service }) => needed.includes(service) && needs.wanted(service) === 0);
  if (away !== undefined && needs.wanted(name) > 0) return handText(away, [name]);
  return strainNotes(name, needs)[0];
}

function serviceStatus(plan: ServicePlan, needs: StatusNeeds): ServiceStatus {
  const slots = needs.slots(plan.name);
  const wanted = needs.wanted(plan.name);
  const states = slots.map(({ state }) => state);
  const trouble = troubleOf(plan, needs);
  const health = serviceHealth(wanted, states, strainsOf(slots, needs));
  return {
    name: plan.name,
    system: plan.system,
    version: plan.version,
    optional: plan.optional,
    wanted,
    ...(plan.range !== undefined &&
      !needs.byHand.some(({ service }) => service === plan.name) && { range: plan.range }),
    ready: states.filter((state) => state === 'ready').length,
    health: trouble !== undefined && health === 'healthy' ? 'degraded' : health,
    ...(trouble !== undefined && { trouble }),
    urls: needs.urls(plan.name),
    instances: slots.map((slot) => instanceStatus(slot, needs)),
  };
}

function strainNotes(service: string, needs: StatusNeeds): string[] {
  const texts = strainsOf(needs.slots(service), needs).map(strainText);
  return texts.flatMap((text) =>
    text === undefined ? [] : [`${displayName(service)} is degraded: ${text}`],
  );
}

/** Who asks again and again, though in the end it may have its answers. */
function retryNotes(service: string, { slots, samples }: StatusNeeds): string[] {
  return slots(service).flatMap((slot) => {
    const last = slot.state === 'ready' ? samples(slot).at(-1) : undefined;
    if (last === undefined) return [];
    const { record, minuteAgo } = last;
    const made = { calls: record.calls - minuteAgo.calls, retries: record.retries - minuteAgo.retries };
    const text = retryText(made);
    return text === undefined ? [] : [`${displayName(slotId(slot))} ${text}`];
  });
}

export function makeStatus(needs: StatusNeeds): AppStatus {
  const { app, startedAt, generation, pids, clock, shared, notes, plans, byHand, avoided } = needs;
  const { acceptFailures } = needs;
  const services = plans.map((plan) => serviceStatus(plan, needs));
  const missing = services
    .filter(({ ready, wanted }) => ready === 0 && wanted > 0)
    .map(({ name }) => `${displayName(name)} has nobody ready`);
  const changed = byHand.map((hand) => `${handText(hand, neededBy(hand.service, needs))} (${hand.back})`);
  return {
    app,
    startedAt,
    generation,
    pids,
    takenAt: clock.wall(),
    services,
    shared,
    avoided,
    acceptFailures,
    notes: [
      ...changed,
      ...notes,
      ...missing,
      ...plans.flatMap((plan) => [...strainNotes(plan.name, needs), ...retryNotes(plan.name, needs)]),
    ],
  };
}
