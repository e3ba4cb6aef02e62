/**
 * The ordered log of transitions: what happened to which instance, when, and on what evidence. Bounded; the oldest is dropped.
 * Sequence numbers are generation * 2^32 + n, so that they only grow.
 */
import { bounds } from '../../core/bounds.ts';
import { instanceId, slotId } from '../../core/ids.ts';
import type { InstanceState } from '../../core/instance-state.ts';
import type { Clock } from '../../core/ports.ts';
import type { Transition } from './slots.ts';

export interface TransitionEvent {
  readonly seq: number;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly instance: string;
  readonly service: string;
  readonly from: InstanceState;
  readonly to: InstanceState;
  readonly reason: string;
  readonly failures: number;
  readonly crashLoop: boolean;
}

export class EventLog {
  readonly #events: TransitionEvent[] = [];
  readonly #since = new Map<string, number>();
  readonly #clock: Clock;
  #lastSeq: number;

  constructor(clock: Clock, generation: number) {
    this.#clock = clock;
    this.#lastSeq = generation * 2 ** 32;
  }

  add({ before, after }: Transition): TransitionEvent {
    const event: TransitionEvent = {
      seq: (this.#lastSeq += 1),
      time: this.#clock.wall(),
      instance: instanceId(after),
      service: after.service,
      from: before.state,
      to: after.state,
      reason: after.reason,
      failures: after.failures,
      crashLoop: after.crashLoop,
    };
    this.#events.push(event);
    if (this.#events.length > bounds.events) this.#events.shift();
    if (before.state !== after.state) this.#since.set(slotId(after), event.time);
    return event;
  }

  /** Epoch milliseconds of the last change of state. */
  since(id: string): number {
    return this.#since.get(id) ?? this.#clock.wall();
  }

  after(seq: number): TransitionEvent[] {
    return this.#events.filter((event) => event.seq > seq);
  }
}
