/**
 * What an operator may ask of the running app: start, stop, restart, scale. Checks the target, writes what shall outlive us,
 * and leaves the doing to the slots.
 */
import { bounds } from '../../core/bounds.ts';
import { suggestion } from '../../core/did-you-mean.ts';
import { TuttiError } from '../../core/errors.ts';
import { displayName, gatewayService, parseTarget, slotId } from '../../core/ids.ts';
import type { SlotEvent, SlotState } from '../../core/instance-state.ts';
import { hasProcess } from '../../core/instance-state.ts';
import { serviceOptions } from '../../define/options.ts';
import { stoppedByHand } from './overrides.ts';
import type { RunningApp } from './running-app.ts';

export interface Target {
  readonly service: string;
  readonly slots: readonly SlotState[];
  /** One instance was named, not the service. */
  readonly isOne: boolean;
}

const invalid = (message: string): TuttiError => new TuttiError('INVALID_INPUT', { message });

export class Operations {
  readonly #app: RunningApp;

  constructor(app: RunningApp) {
    this.#app = app;
  }

  /** `users`, `users#2`; a gateway by its own name or as `gateway:public`. @throws {TuttiError} with what was probably meant. */
  find(text: string): Target {
    const parsed = parseTarget(text);
    if (parsed === undefined) throw invalid(`${text} is neither a service (users) nor an instance (users#2)`);
    const names = [...this.#app.plan.services.keys()];
    const service = [parsed.service, gatewayService(parsed.service)].find((name) => names.includes(name));
    if (service === undefined)
      throw new TuttiError('NOT_FOUND', {
        message: `There is no service ${parsed.service}${suggestion(parsed.service, names)}`,
      });
    const slots = this.#app.slots
      .of(service)
      .filter(({ slot }) => parsed.slot === undefined || slot === parsed.slot);
    if (slots.length === 0 && parsed.slot !== undefined)
      throw new TuttiError('NOT_FOUND', {
        message: `There is no instance ${text}; ${displayName(service)} has ${String(this.#app.slots.of(service).length)}`,
      });
    return { service, slots, isOne: parsed.slot !== undefined };
  }

  start(text: string): Target {
    const target = this.find(text);
    if (target.isOne) this.#all(target, { type: 'start' });
    else {
      this.#app.overrides.setStopped(target.service, false);
      this.#app.wanted.apply(target.service);
    }
    return target;
  }

  stop(text: string): Target {
    const target = this.find(text);
    if (!target.isOne) this.#app.overrides.setStopped(target.service, true);
    this.#all(target, { type: 'stop', reason: stoppedByHand });
    return target;
  }

  /** `isRolling`: one at a time, the new one ready before the old one drains. */
  restart(text: string, isRolling = false): Target {
    const target = this.find(text);
    if (isRolling) return this.#roll(target);
    if (!target.isOne && this.#app.overrides.isStopped(target.service)) return this.start(text);
    this.#all(target, { type: 'restart', reason: 'restarted by hand' });
    return target;
  }

  /** @param replicas undefined: as the app file says. */
  scale(text: string, replicas: number | undefined): Target {
    const target = this.find(text);
    if (target.isOne) throw invalid('A service is scaled, not one of its instances');
    const { max } = serviceOptions.replicas;
    if (replicas !== undefined && (!Number.isSafeInteger(replicas) || replicas < 0 || replicas > max))
      throw invalid(`expected a whole number from 0 to ${String(max)}, or default; got ${String(replicas)}`);
    this.#refuseTooMany(target.service, replicas);
    // Before: not down at once to where the load left it, however long ago that was.
    if (replicas === undefined)
      this.#app.autoscaler.startFrom(target.service, this.#app.wanted.count(target.service));
    this.#app.overrides.setReplicas(target.service, replicas);
    const to = this.#app.wanted.count(target.service);
    const reason = `to ${String(to)}${replicas === undefined ? `, ${this.#back(target)}` : ' by hand'}`;
    this.#app.events.note({ name: 'service:scaled', service: target.service, reason, evidence: { to } });
    this.#app.wanted.apply(target.service);
    return this.find(text);
  }

  #back({ service }: Target): string {
    const isByLoad = this.#app.planOf(service).range !== undefined;
    return isByLoad ? 'from here on as its load asks' : 'as the app file says';
  }

  #roll(target: Target): Target {
    const living = target.slots.filter(hasProcess);
    const name = displayName(target.service);
    if (living.length === 0)
      throw new TuttiError('CONFLICT', {
        message: `${name} has no instance that runs: start it with tutti start ${name}`,
      });
    this.#app.rolls.begin(target.service, 'rolling restart by hand', living);
    return target;
  }

  #refuseTooMany(service: string, replicas: number | undefined): void {
    const { overrides, plan: app } = this.#app;
    const plans = [...app.services.values()];
    const sum = plans.reduce(
      (all, plan) =>
        all +
        ((plan.name === service ? replicas : overrides.replicas(plan.name)) ??
          plan.range?.max ??
          plan.replicas),
      0,
    );
    if (sum > bounds.instances)
      throw invalid(`${String(sum)} instances would be wanted, ${String(bounds.instances)} are allowed`);
  }

  #all(target: Target, event: SlotEvent): void {
    for (const slot of target.slots) this.#app.slots.dispatch(slotId(slot), event);
  }
}
