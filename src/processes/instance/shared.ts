/**
 * `shared` of an instance: counters and gauges in memory that all processes of the app map. A new name is registered by the supervisor;
 * until it is, this instance keeps what was added and hands it over then.
 */
import { TuttiError } from '../../core/errors.ts';
import { isEventName } from '../../core/ids.ts';
import type { LockOptions, Shared, SharedCounter, SharedGauge, SharedLease } from '../../define/handling.ts';
import type { SharedKind } from '../../os/shared-counters.ts';
import { SharedValues } from '../../os/shared-counters.ts';
import type { InstanceLocks } from './locks.ts';

export interface SharedNeeds {
  readonly path: string;
  /** Asks the supervisor; its answer comes as `registered`. */
  readonly register: (kind: SharedKind, name: string) => void;
  readonly locks: InstanceLocks;
}

type Named = NonNullable<ReturnType<SharedValues['lookup']>>;

/** One name, before and after it has a place. */
class Value implements SharedCounter, SharedGauge {
  readonly #kind: SharedKind;
  #values: SharedValues | undefined;
  #place: Named | undefined;
  #waiting = 0;
  #touched = false;

  constructor(kind: SharedKind) {
    this.#kind = kind;
  }

  get kind(): SharedKind {
    return this.#kind;
  }

  get value(): number {
    return this.#values !== undefined && this.#place !== undefined
      ? this.#values.get(this.#place)
      : this.#waiting;
  }

  add(amount = 1): void {
    if (!Number.isSafeInteger(amount))
      throw new TuttiError('INVALID_INPUT', {
        message: `A counter takes whole numbers, not ${String(amount)}`,
      });
    if (this.#values !== undefined && this.#place !== undefined) this.#values.add(this.#place.index, amount);
    else this.#keep(this.#waiting + amount);
  }

  set(value: number): void {
    if (!Number.isFinite(value))
      throw new TuttiError('INVALID_INPUT', { message: `A gauge takes a number, not ${String(value)}` });
    if (this.#values !== undefined && this.#place !== undefined) this.#values.set(this.#place.index, value);
    else this.#keep(value);
  }

  settle(values: SharedValues, place: Named): void {
    this.#values = values;
    this.#place = place;
    if (!this.#touched) return;
    if (this.#kind === 'counter') values.add(place.index, this.#waiting);
    else values.set(place.index, this.#waiting);
  }

  #keep(value: number): void {
    this.#waiting = value;
    this.#touched = true;
  }
}

export class InstanceShared implements Shared {
  readonly #needs: SharedNeeds;
  readonly #known = new Map<string, Value>();
  readonly #unsettled = new Map<string, Value>();
  #values: SharedValues | undefined;

  constructor(needs: SharedNeeds) {
    this.#needs = needs;
  }

  counter(name: string): SharedCounter {
    return this.#named('counter', name);
  }

  gauge(name: string): SharedGauge {
    return this.#named('gauge', name);
  }

  lock(name: string, options?: LockOptions): Promise<SharedLease> {
    return this.#needs.locks.lock(name, options);
  }

  /** The supervisor has written a name, or is new and must be asked again. */
  settle(): void {
    for (const [name, value] of this.#unsettled) this.#trySettle(name, value);
  }

  close(): void {
    this.#values?.close();
  }

  #named(kind: SharedKind, name: string): Value {
    const known = this.#known.get(name);
    if (known !== undefined) {
      if (known.kind === kind) return known;
      throw new TuttiError('CONFLICT', { message: `${name} is a ${known.kind} already` });
    }
    if (!isEventName(name))
      throw new TuttiError('INVALID_INPUT', {
        message: `A ${kind} is named by words joined by dots, like orders.created; this is not: ${name.slice(0, 60)}`,
      });
    const value = new Value(kind);
    this.#known.set(name, value);
    this.#trySettle(name, value);
    return value;
  }

  #trySettle(name: string, value: Value): void {
    // The mapping is made with the first name: most services never ask for one.
    this.#values ??= new SharedValues(this.#needs.path);
    const place = this.#values.lookup(name);
    if (place?.kind === value.kind) {
      value.settle(this.#values, place);
      this.#unsettled.delete(name);
    } else {
      this.#unsettled.set(name, value);
      this.#needs.register(value.kind, name);
    }
  }
}
