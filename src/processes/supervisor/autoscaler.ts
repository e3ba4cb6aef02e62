/**
 * Lets the load of a service choose how many instances it has, where the app file gives it a range. Once a second it hands what they wrote
 * to `core/autoscale`, and carries out what that decides: remembered for a successor, told as an event, applied. It decides nothing itself.
 * A number that a person gave is not touched.
 */
import { decideScale } from '../../core/autoscale.ts';
import type {
  InstanceLoad,
  ReplicaRange,
  ScaleDecision,
  ScaleState,
  ScaleView,
} from '../../core/autoscale.ts';
import { displayName } from '../../core/ids.ts';
import type { SlotState } from '../../core/instance-state.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { isStaying } from '../../core/rolling.ts';
import type { EventLog } from './event-log.ts';
import type { Welcome } from './keeper-link.ts';
import type { Overrides } from './overrides.ts';
import type { AppPlan, ServicePlan } from './plan.ts';
import type { Slots } from './slots.ts';
import type { Sample } from './watched-instance.ts';

export interface AutoscalerNeeds {
  readonly clock: Clock;
  readonly plan: () => Pick<AppPlan, 'services'>;
  readonly overrides: Pick<Overrides, 'replicas' | 'isStopped'>;
  readonly slots: Pick<Slots, 'of'>;
  readonly events: Pick<EventLog, 'note'>;
  readonly samples: (slot: SlotState) => readonly Sample[];
  /** Who rolls has one more than is wanted. */
  readonly isRolling: (service: string) => boolean;
  readonly isStopping: () => boolean;
  /** Adds those that are wanted and stops those beyond. */
  readonly apply: (service: string) => void;
  readonly memos: Welcome['memos'];
  /** For a successor. */
  readonly remember: (key: string, wanted: number) => void;
}

type Ranged = ServicePlan & { readonly range: ReplicaRange };

const memoPrefix = 'scale:';
const lookEveryMs = 1_000;
/** The watch keeps one a second: the load of three seconds. */
const windowSamples = 3;
/** A minute where an instance beats twice a second. */
const calmBeats = 120;

const isRanged = (plan: ServicePlan): plan is Ranged => plan.range !== undefined;

export class Autoscaler {
  readonly #needs: AutoscalerNeeds;
  readonly #states = new Map<string, ScaleState>();
  /** Of those that ask for more than they may have: by what. */
  readonly #beyond = new Map<string, string>();
  #timer: Timer | undefined;

  /** A successor goes on with the number of its predecessor, and waits for a calm of its own before one goes. */
  constructor(needs: AutoscalerNeeds) {
    this.#needs = needs;
    for (const [key, wanted] of Object.entries(needs.memos))
      if (key.startsWith(memoPrefix) && typeof wanted === 'number')
        this.#states.set(key.slice(memoPrefix.length), { wanted, calmSince: null });
  }

  /** Looks from now on. */
  start(): void {
    this.#timer = this.#needs.clock.after(lookEveryMs, () => {
      if (this.#needs.isStopping()) return;
      for (const plan of this.#needs.plan().services.values()) if (isRanged(plan)) this.#look(plan);
      this.start();
    });
  }

  /** Undefined: its number is fixed. */
  count(service: string): number | undefined {
    const range = this.#needs.plan().services.get(service)?.range;
    if (range === undefined) return undefined;
    return Math.min(range.max, Math.max(range.min, this.#states.get(service)?.wanted ?? range.min));
  }

  /** From here on its load decides again. */
  startFrom(service: string, wanted: number): void {
    if (this.count(service) !== undefined) this.#set(service, { wanted, calmSince: null });
  }

  /** For `status`: who is asked for more than it may give. */
  notes(): string[] {
    return [...this.#beyond].map(([service, load]) => {
      const most = String(this.count(service));
      return `${displayName(service)} has as many instances as it may (${most}), and asks for more: ${load}`;
    });
  }

  close(): void {
    this.#timer?.cancel();
  }

  #look(plan: Ranged): void {
    const { name } = plan;
    const { clock, overrides } = this.#needs;
    this.#beyond.delete(name);
    const before = { calmSince: null, ...this.#states.get(name), wanted: this.count(name) ?? plan.range.min };
    if (overrides.replicas(name) !== undefined || overrides.isStopped(name)) {
      this.#states.set(name, { ...before, calmSince: null });
      return;
    }
    const view = this.#view(plan, before.wanted);
    const decision = decideScale(before, view, clock.now());
    if (decision.beyond !== undefined) this.#beyond.set(name, decision.beyond);
    if (decision.state.wanted === before.wanted) this.#states.set(name, decision.state);
    else this.#change(name, before.wanted, decision);
  }

  #change(service: string, from: number, { state, reason = '' }: ScaleDecision): void {
    const { events, apply } = this.#needs;
    const to = state.wanted;
    this.#set(service, state);
    events.note({
      ...{ name: 'service:scaled', service, evidence: { from, to, byLoad: true } },
      reason: `from ${String(from)} to ${String(to)}: ${reason}`,
    });
    apply(service);
  }

  #set(service: string, state: ScaleState): void {
    this.#states.set(service, state);
    this.#needs.remember(`${memoPrefix}${service}`, state.wanted);
  }

  #view({ name, range, health }: Ranged, wanted: number): ScaleView {
    const { slots, samples, isRolling, clock } = this.#needs;
    const staying = slots.of(name).filter((slot) => isStaying(slot) && slot.state !== 'stopped');
    const ready = staying.filter(({ state }) => state === 'ready');
    // Of before the newest was there: then the others had more to do.
    const since = Math.max(0, ...ready.map(({ readyAt }) => readyAt ?? 0));
    const now = clock.now();
    const windows = ready
      .map((slot) => samples(slot))
      .filter((all) => now - (all.at(-1)?.record.beatAt ?? 0) < health.staleAfter)
      .map((all) =>
        differentBeats(all)
          .filter(({ at }) => at > since)
          .slice(-windowSamples),
      );
    const isSettled =
      !isRolling(name) &&
      staying.length >= wanted &&
      staying.every(({ state, crashLoop }) => !crashLoop && (state === 'ready' || state === 'unready')) &&
      windows.every((window) => window.length === windowSamples);
    return { range, isSettled, loads: windows.map(loadOf), calmMs: calmBeats * health.beat };
  }
}

/** One that does not beat is looked at again and again. */
const differentBeats = (samples: readonly Sample[]): Sample[] =>
  samples.filter(({ record }, at) => record.beatAt !== samples[at - 1]?.record.beatAt);

function loadOf(samples: readonly Sample[]): InstanceLoad {
  const records = samples.map(({ record }) => record);
  const mean = (field: 'utilisation' | 'fullness'): number =>
    records.reduce((sum, record) => sum + record[field], 0) / Math.max(1, records.length);
  const grown = (field: 'taken' | 'waitedMs' | 'rejected'): number =>
    (records.at(-1)?.[field] ?? 0) - (records.at(0)?.[field] ?? 0);
  return {
    utilisation: mean('utilisation'),
    fullness: mean('fullness'),
    taken: grown('taken'),
    waitedMs: grown('waitedMs'),
    rejected: grown('rejected'),
  };
}
