/**
 * What instances hold against one another: each says it of itself, here it is put together for `status` and `why`, and each beginning and
 * end is an event. Forgotten when either of the two is gone. Whoever asks is not hindered by anything in here.
 */
import { avoidedKey, avoidedSentence, heededSentence, serviceOfInstance } from '../../core/avoided.ts';
import type { Avoided, AvoidedStatus } from '../../core/avoided.ts';
import { bounds } from '../../core/bounds.ts';
import type { TuttiEvent } from '../../core/events.ts';
import { instanceId } from '../../core/ids.ts';
import { hasProcess } from '../../core/instance-state.ts';
import type { Clock } from '../../core/ports.ts';
import type { EventLog } from './event-log.ts';
import type { Slots } from './slots.ts';

export interface AvoidedTableNeeds {
  readonly clock: Clock;
  readonly slots: Pick<Slots, 'get'>;
  readonly events: Pick<EventLog, 'note' | 'after'>;
}

/** Of how long the events are counted. */
const windowMs = 10_000;

export class AvoidedTable {
  readonly #needs: AvoidedTableNeeds;
  /** Those whose beginning is an event and whose end is none yet, by caller and key. */
  readonly #known: Map<string, AvoidedStatus>;
  #windowFrom = -Infinity;
  #toldInWindow = 0;
  #unsaid = 0;

  constructor(needs: AvoidedTableNeeds) {
    this.#needs = needs;
    this.#known = knownFrom(needs.events.after(0).events);
  }

  /** @param id slot of the caller. What it does not name any more is over. */
  hear(id: string, list: readonly Avoided[]): void {
    const caller = this.#needs.slots.get(id);
    if (caller === undefined) return;
    const by = instanceId(caller);
    const current = list.filter(({ instance }) => this.#isThere(instance));
    const keys = new Set(current.map((one) => keyOf(by, one)));
    for (const [key, one] of this.#known) {
      if (one.by !== by || keys.has(key)) continue;
      this.#known.delete(key);
      if (this.#isThere(one.instance)) this.#note(one, 'end');
    }
    for (const one of current) this.#add(one, by);
  }

  gone(instance: string): void {
    for (const [key, one] of this.#known)
      if (one.by === instance || one.instance === instance) this.#known.delete(key);
  }

  /** What was said of somebody who is there, by somebody who is. */
  list(): AvoidedStatus[] {
    return [...this.#known.values()].filter((one) => this.#isThere(one.instance) && this.#isThere(one.by));
  }

  #add(one: Avoided, by: string): void {
    const { clock } = this.#needs;
    const key = keyOf(by, one);
    const before = this.#known.get(key);
    if (before === undefined && this.#known.size >= bounds.avoidedKept) return;
    const probe =
      one.kind === 'breaker' ? { probeAt: Math.round(clock.wall() + one.probeAt - clock.now()) } : {};
    const status = { ...one, ...probe, by, since: before?.since ?? clock.wall() };
    this.#known.set(key, status);
    if (before === undefined) this.#note(status, 'begin');
  }

  #isThere(instance: string): boolean {
    const slot = this.#needs.slots.get(instance.slice(0, instance.lastIndexOf('@')));
    return slot !== undefined && hasProcess(slot) && instanceId(slot) === instance;
  }

  /** A hundred callers of one that fails must not push what else happened out of the log. */
  #note(one: AvoidedStatus, what: 'begin' | 'end'): void {
    const { clock, events } = this.#needs;
    const now = clock.now();
    if (now - this.#windowFrom >= windowMs) {
      this.#windowFrom = now;
      this.#toldInWindow = 0;
    }
    this.#toldInWindow += 1;
    if (this.#toldInWindow > bounds.avoidedEvents) {
      this.#unsaid += 1;
      return;
    }
    const sentence = what === 'begin' ? avoidedSentence(one, one.by) : heededSentence(one, one.by);
    const more = this.#unsaid === 0 ? '' : ` (${String(this.#unsaid)} more like this were not told)`;
    this.#unsaid = 0;
    events.note({
      name: eventNames[one.kind][what],
      service: serviceOfInstance(one.instance),
      reason: `${sentence}${more}`,
      evidence: { ...one },
    });
  }
}

const eventNames = {
  breaker: { begin: 'breaker:opened', end: 'breaker:closed' },
  outlier: { begin: 'outlier:found', end: 'outlier:recovered' },
} as const;

const whatOf: ReadonlyMap<string, 'begin' | 'end'> = new Map(
  Object.values(eventNames).flatMap(({ begin, end }) => [
    [begin, 'begin'],
    [end, 'end'],
  ]),
);

const keyOf = (by: string, one: Avoided): string => `${by} ${avoidedKey(one)}`;

/** What a predecessor has told: its successor does not tell it again, and tells its end. */
function knownFrom(events: readonly TuttiEvent[]): Map<string, AvoidedStatus> {
  const known = new Map<string, AvoidedStatus>();
  for (const event of events) {
    if (event.type !== 'app') continue;
    if (event.name === 'app:started') known.clear();
    const what = whatOf.get(event.name);
    if (what === undefined) continue;
    const one = event.evidence as unknown as AvoidedStatus;
    if (what === 'begin') known.set(keyOf(one.by, one), one);
    else known.delete(keyOf(one.by, one));
  }
  return known;
}
