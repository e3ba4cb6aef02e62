/** A simulated supervisor around the real decisions: slots, health, order of starts, and what a successor makes of memos. */
import { eventOf, isBad, isLate, judge } from '../../../src/core/health.ts';
import type { HealthPolicy, Silence } from '../../../src/core/health.ts';
import { slotId } from '../../../src/core/ids.ts';
import { hasProcess } from '../../../src/core/instance-state.ts';
import type { SlotCommand, SlotEvent, SlotState, StopPolicy } from '../../../src/core/instance-state.ts';
import type { KeeperExit } from '../../../src/core/keeper-frames.ts';
import type { Clock } from '../../../src/core/ports.ts';
import type { RestartPolicy } from '../../../src/core/restart-policy.ts';
import { decideStarts } from '../../../src/core/start-order.ts';
import type { KeeperLink } from '../../../src/processes/supervisor/keeper-link.ts';
import { restoreSlots } from '../../../src/processes/supervisor/restore.ts';
import { Slots } from '../../../src/processes/supervisor/slots.ts';
import type { Agenda, Dice } from './agenda.ts';
import { must } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import type { SimKeeper, SimProcess } from './processes.ts';

export interface Policies {
  readonly restart: RestartPolicy;
  readonly stop: StopPolicy;
  readonly health: HealthPolicy;
  readonly mostStarting: number;
}

export interface SupervisorNeeds {
  readonly agenda: Agenda;
  readonly dice: Dice;
  readonly keeper: SimKeeper;
  readonly oracle: Oracle;
  readonly policies: Policies;
  readonly needs: (service: string) => readonly string[];
  /** How late a look comes. */
  readonly lateMs: () => number;
  readonly drain: (process: SimProcess) => void;
  readonly onTransition: () => void;
  readonly say: (text: string) => void;
}

const periodMs = 500;

export class SimSupervisor {
  readonly slots: Slots;
  isAlive = true;
  isStopped = false;
  readonly bornAt: number;
  readonly #needs: SupervisorNeeds;
  readonly #inbox: (() => void)[] = [];
  readonly #silences = new Map<string, { readonly pid: number; readonly silence: Silence }>();
  #lastTick: number;
  #orderAt = 0;
  #isCut = false;

  constructor(needs: SupervisorNeeds) {
    const { agenda, dice, policies, oracle } = needs;
    this.#needs = needs;
    this.bornAt = this.#lastTick = agenda.now;
    this.slots = new Slots({
      ...{ clock: this.#clock(), random: dice.next, policies: () => policies },
      perform: (command, slot) => {
        this.#perform(command, slot);
      },
      remember: (slot) => {
        needs.keeper.memos[`slot:${slotId(slot)}`] = { slot, index: 0 };
      },
      onTransition: (transition) => {
        const { before, after, cause } = transition;
        needs.say(
          `${slotId(after)}@${String(after.epoch)} ${before.state} -> ${after.state} by ${cause.type}: ${after.reason}`,
        );
        oracle.transition(transition, agenda.now);
        needs.onTransition();
      },
    });
    this.#later();
  }

  /** In its turn: at once, when it goes on, or never. */
  run(work: () => void): void {
    if (!this.isAlive) return;
    if (this.isStopped) this.#inbox.push(work);
    else {
      work();
      this.#consider();
    }
  }

  goOn(): void {
    this.isStopped = false;
    for (const work of this.#inbox.splice(0)) this.run(work);
  }

  /** @param losesOrders those not written yet never arrive; what was remembered before them has. */
  kill(losesOrders: boolean): void {
    this.isAlive = false;
    this.#isCut = losesOrders;
    this.slots.close();
  }

  ask(id: string, event: SlotEvent): void {
    this.run(() => {
      const slot = this.slots.get(id);
      if (slot === undefined) return;
      this.#needs.say(`asked: ${event.type} ${id}`);
      this.#needs.oracle.asked(slot, event);
      this.slots.dispatch(id, event);
    });
  }

  restore(): void {
    const { keeper, oracle } = this.#needs;
    const { memos, exited } = keeper;
    const signal = ({ key }: { readonly key: string }): Promise<undefined> => {
      this.#order(() => {
        keeper.signal(key, 'SIGKILL');
      });
      return Promise.resolve(undefined);
    };
    this.run(() => {
      restoreSlots({
        ...{ slots: this.slots, prepare: () => undefined, keeper: { ask: signal } as unknown as KeeperLink },
        state: { memos: { ...memos }, exited, processes: keeper.processes(), listeners: [] },
        isPlanned: () => true,
        spawn: (slot) => {
          this.#perform('spawn', slot);
        },
      });
      for (const exit of [...exited]) this.exited(exit);
      for (const slot of this.slots.all())
        if (oracle.wants(slotId(slot)) && slot.state !== 'failed')
          this.slots.dispatch(slotId(slot), { type: 'start' });
    });
  }

  exited({ key, epoch, code, signal }: KeeperExit): void {
    this.run(() => {
      this.slots.dispatch(key, { type: 'exited', epoch, code, signal });
      this.#order(() => {
        this.#needs.keeper.forget(key, epoch);
      });
    });
  }

  /** What an instance says is heard only while it is who runs in its slot. */
  hears({ id }: SimProcess, event: SlotEvent): void {
    this.run(() => {
      if (this.#isCurrent(id)) this.slots.dispatch(id.key, event);
    });
  }

  /** A process connects: also to a successor, with what it is at. */
  hello(process: SimProcess): void {
    this.run(() => {
      if (!this.#isCurrent(process.id)) return;
      if (process.phase === 'ready') this.slots.dispatch(process.id.key, { type: 'opened' });
      const slot = this.slots.get(process.id.key);
      if (slot?.state === 'draining' && process.phase !== 'draining') this.#needs.drain(process);
    });
  }

  #isCurrent({ key, epoch }: { readonly key: string; readonly epoch: number }): boolean {
    const slot = this.slots.get(key);
    return slot?.epoch === epoch && hasProcess(slot);
  }

  #clock(): Clock {
    const { agenda } = this.#needs;
    return {
      now: () => agenda.now,
      wall: () => agenda.now,
      after: (delayMs, fire) => {
        let isOn = true;
        agenda.after(delayMs, () => {
          if (!isOn) return;
          this.run(() => {
            if (isOn) fire();
          });
        });
        return { cancel: () => void (isOn = false) };
      },
    };
  }

  /** To the keeper, in the order they were given. */
  #order(work: () => void): void {
    const { agenda, dice } = this.#needs;
    this.#orderAt = Math.max(this.#orderAt, agenda.now + dice.whole(0, 5));
    agenda.after(this.#orderAt - agenda.now, () => {
      if (!this.#isCut) work();
    });
  }

  #perform(command: SlotCommand, slot: SlotState): void {
    const { keeper, oracle, drain } = this.#needs;
    const id = slotId(slot);
    if (command === 'spawn') {
      oracle.spawned(id);
      this.#order(() => {
        this.#spawn(id, slot.epoch);
      });
    } else if (command === 'drain')
      this.#order(() => {
        const process = keeper.living.get(id);
        if (process?.id.epoch === slot.epoch) drain(process);
      });
    else
      this.#order(() => {
        keeper.signal(id, command === 'term' ? 'SIGTERM' : 'SIGKILL');
      });
  }

  #spawn(key: string, epoch: number): void {
    const { keeper, dice, agenda } = this.#needs;
    let event: SlotEvent;
    if (dice.chance(0.04)) {
      const code = dice.chance(0.8) ? 'EAGAIN' : 'ENOENT';
      event = { type: 'spawn-failed', code, message: code };
    } else {
      const { pid } = keeper.spawn(key, epoch).id;
      event = { type: 'spawned', pid, processStart: pid };
    }
    agenda.after(dice.whole(0, 5), () => {
      this.run(() => {
        if (this.slots.get(key)?.epoch === epoch) this.slots.dispatch(key, event);
      });
    });
  }

  #consider(): void {
    const { needs, policies } = this.#needs;
    for (const { id, event } of decideStarts(this.slots.all(), {
      needs,
      mostStarting: policies.mostStarting,
    }))
      this.slots.dispatch(id, event);
  }

  #later(): void {
    this.#needs.agenda.after(periodMs + this.#needs.lateMs(), () => {
      this.run(() => {
        this.#tick();
        this.#later();
      });
    });
  }

  #tick(): void {
    const { now } = this.#needs.agenda;
    const late = isLate(now - this.#lastTick, periodMs);
    this.#lastTick = now;
    for (const slot of this.slots.all()) if (slot.pid !== null) this.#judge(slot, slot.pid, { now, late });
  }

  #judge(
    slot: SlotState,
    pid: number,
    { now, late }: { readonly now: number; readonly late: boolean },
  ): void {
    if (slot.state !== 'ready' && slot.state !== 'unready') return;
    const { keeper, policies } = this.#needs;
    const id = slotId(slot);
    const known = this.#silences.get(id);
    const process = keeper.byPid.get(pid);
    const silence = known?.pid === pid ? known.silence : undefined;
    const beatAt = process?.beatAt ?? silence?.beatAt ?? now;
    const seen = process?.isAlive === true && isBad(now - beatAt, policies.health) ? process : undefined;
    const reading = { now, beatAt, late, inspected: false, processState: seen?.state, cpuMs: seen?.cpuMs };
    const judged = judge(silence, reading, policies.health);
    this.#silences.set(id, { pid, silence: judged.silence });
    const event = eventOf(slot, judged.verdict);
    if (event?.type === 'kill' && process?.isAlive === true)
      must(
        process.guilt(policies.health) !== undefined,
        `${id} is killed in mode ${process.mode}: ${event.reason}`,
      );
    if (event !== undefined) this.slots.dispatch(id, event);
  }
}
