/**
 * One world from one seed: processes that beat, spin, stall, crash and do not listen; a supervisor that is late, stopped, killed and
 * succeeded; a person who starts, stops, restarts and scales. The oracle looks after each step.
 */
import { slotId } from '../../../src/core/ids.ts';
import type { SlotEvent } from '../../../src/core/instance-state.ts';
import { Agenda, Dice } from './agenda.ts';
import { must, Oracle } from './oracle.ts';
import { SimKeeper } from './processes.ts';
import type { Fate, Mode, SimProcess } from './processes.ts';
import { SimSupervisor } from './supervisor.ts';
import type { Policies } from './supervisor.ts';

const health = { staleAfter: 3_000, heartbeatTimeout: 10_000, busyAfter: 60_000 };
const stop = { drainTimeout: 8_000, drainMax: 60_000, killAfter: 2_000 };
const mostSlots = 3;
const deeds = 60;
/** Until all has come to rest once nothing is done to it any more. */
const restMs = 400_000;
const longestStillMs = 90_000;
const longestBusyMs = 260_000;

export class World {
  readonly #agenda = new Agenda();
  readonly #dice: Dice;
  readonly #policies: Policies;
  readonly #oracle: Oracle;
  readonly #keeper: SimKeeper;
  readonly #say: (text: string) => void;
  #supervisor: SimSupervisor;
  #isCalm = false;
  #starvedUntil = 0;
  #actsSince = 0;
  #heldUntil = 0;
  /** Transitions. */
  #diesAfter = 0;
  #frozenUntil = 0;

  constructor(seed: number, say: (text: string) => void = () => undefined) {
    this.#dice = new Dice(seed);
    this.#say = (text) => {
      say(`${(this.#agenda.now / 1_000).toFixed(3)} ${text}`);
    };
    const maxRestarts = this.#dice.pick([undefined, undefined, 3]);
    const restart = { minUptime: 5_000, startTimeout: 30_000, maxDelay: 30_000, maxRestarts };
    this.#policies = { restart, stop, health, mostStarting: this.#dice.whole(1, 4) };
    this.#oracle = new Oracle(restart, stop);
    this.#keeper = new SimKeeper({
      ...{ agenda: this.#agenda, dice: this.#dice },
      fate: () => this.#fate(),
      onBorn: (process) => {
        this.#live(process);
      },
      onExit: (exit) => {
        this.#supervisor.exited(exit);
      },
    });
    this.#supervisor = this.#makeSupervisor();
    for (const [service, count] of [
      ['users', this.#dice.whole(1, mostSlots)],
      ['orders', 1],
    ] as const)
      for (let slot = 1; slot <= count; slot += 1) this.#add(service, slot);
  }

  get steps(): number {
    return this.#agenda.steps;
  }

  /** @throws at the first thing that does not hold. */
  run(): void {
    for (let deed = 0; deed < deeds; deed += 1) {
      this.#pass(this.#dice.chance(0.7) ? this.#dice.whole(0, 3_000) : this.#dice.whole(0, 30_000));
      this.#do();
    }
    this.#isCalm = true;
    this.#pass(restMs);
    this.#checkRest();
  }

  // --- time

  #pass(ms: number): void {
    const until = this.#agenda.now + ms;
    for (let isOn = true; isOn;) {
      const from = this.#agenda.now;
      const acted = this.#acts;
      const blocked = new Set(
        [...this.#keeper.living.values()]
          .filter(({ mode }) => mode === 'disk' || mode === 'frozen')
          .map(({ id }) => id.key),
      );
      isOn = this.#agenda.step(until);
      if (!this.#acts) continue;
      const { now } = this.#agenda;
      if (!acted) this.#actsSince = now;
      for (const slot of this.#supervisor.slots.all()) {
        const passedMs = acted && !blocked.has(slotId(slot)) ? now - from : 0;
        this.#oracle.look(slot, { now, passedMs, actsSince: this.#actsSince });
        if (slot.state === 'ready' || slot.state === 'unready') this.#checkFaults(slotId(slot));
      }
    }
  }

  get #acts(): boolean {
    return this.#supervisor.isAlive && !this.#supervisor.isStopped;
  }

  #checkFaults(key: string): void {
    const process = this.#keeper.living.get(key);
    if (process === undefined) return;
    const actedMs = this.#agenda.now - Math.max(this.#actsSince, this.#supervisor.bornAt);
    const [stillMs, faultMs] = [process.stillMs, process.faultMs].map((ms) => Math.min(ms, actedMs));
    must((stillMs ?? 0) < longestStillMs, `${key} is ${process.mode} for ever and left alone`);
    must((faultMs ?? 0) < longestBusyMs, `${key} is busy for ever and left alone`);
  }

  #checkRest(): void {
    const slots = this.#supervisor.slots.all();
    for (const slot of slots) {
      const id = slotId(slot);
      const waitsFor = this.#needsOf(slot.service).find(
        (need) => !slots.some(({ service, state }) => service === need && state === 'ready'),
      );
      const rests = this.#oracle.wants(id)
        ? slot.state === 'ready' ||
          slot.state === 'failed' ||
          (slot.state === 'pending' && slot.reason === `waits for ${String(waitsFor)}`)
        : slot.state === 'stopped' || slot.state === 'failed';
      must(rests, `${id} rests in ${slot.state} (${slot.reason})`);
    }
    const running = slots
      .filter(({ state }) => state === 'ready')
      .map(slotId)
      .sort();
    must([...this.#keeper.living.keys()].sort().join() === running.join(), 'who lives is not who is ready');
    must(this.#keeper.exited.length === 0, 'an end was not forgotten');
  }

  // --- processes

  #fate(): Fate {
    const dice = this.#dice;
    const calm = {
      openMs: dice.whole(50, 1_500),
      exitsAfterMs: undefined,
      code: 1,
      drainMs: 100,
      extends: false,
      ignoresTerm: false,
    };
    if (this.#isCalm) return calm;
    const open = dice.next();
    return {
      openMs: open < 0.06 ? undefined : open < 0.12 ? dice.whole(20_000, 40_000) : calm.openMs,
      exitsAfterMs: dice.chance(0.35) ? dice.whole(0, 10_000) : undefined,
      code: dice.pick([1, 1, 1, 0, 78, null]) ?? null,
      drainMs: dice.chance(0.3) ? dice.whole(5_000, 100_000) : dice.whole(0, 2_000),
      extends: dice.chance(0.3),
      ignoresTerm: dice.chance(0.2),
    };
  }

  #live(process: SimProcess): void {
    const { openMs, exitsAfterMs, code } = process.fate;
    if (openMs !== undefined)
      this.#agenda.after(openMs, () => {
        process.whenRunning(() => {
          if (!process.isAlive || process.phase !== 'starting') return;
          process.phase = 'ready';
          this.#supervisor.hears(process, { type: 'opened' });
        });
      });
    if (exitsAfterMs === undefined) return;
    this.#agenda.after(exitsAfterMs, () => {
      if (!this.#isCalm) this.#keeper.endIfAble(process, code);
    });
  }

  #drain(process: SimProcess): void {
    process.whenRunning(() => {
      if (!process.isAlive || process.phase === 'draining') return;
      process.phase = 'draining';
      this.#agenda.after(process.fate.drainMs, () => {
        this.#keeper.endIfAble(process, 0);
      });
      if (process.fate.extends) this.#extend(process);
    });
  }

  #extend(process: SimProcess): void {
    this.#agenda.after(3_000, () => {
      if (!process.isAlive) return;
      if (process.mode === 'ok') this.#supervisor.hears(process, { type: 'extend', ms: 5_000 });
      this.#extend(process);
    });
  }

  /** In another mode for so long; `undefined`: until it is ended. */
  #suffer(process: SimProcess, mode: Mode, forMs: number | undefined): void {
    this.#say(`${process.id.key}@${String(process.id.epoch)} is ${mode} for ${String(forMs)}`);
    process.set(mode);
    if (forMs !== undefined)
      this.#agenda.after(forMs, () => {
        if (process.mode === mode) this.#keeper.thaw(process, 'ok');
        else if (process.mode === 'frozen')
          this.#agenda.after(100_000, () => {
            this.#keeper.thaw(process, 'ok');
          });
      });
  }

  // --- what is done

  #do(): void {
    const dice = this.#dice;
    const process = dice.pick(
      [...this.#keeper.living.values()].filter(({ isAlive, mode }) => isAlive && mode === 'ok'),
    );
    const deed = dice.next();
    if (deed < 0.3) this.#operate();
    else if (deed < 0.42) this.#harmSupervisor();
    else if (deed < 0.48)
      this.#starve(dice.chance(0.3) ? dice.whole(60_000, 200_000) : dice.whole(5_000, 60_000));
    else if (deed < 0.53) this.#freeze(dice.whole(500, 100_000));
    else if (process !== undefined) this.#harm(process);
  }

  #harm(process: SimProcess): void {
    const dice = this.#dice;
    const forMs = dice.chance(0.2)
      ? undefined
      : dice.chance(0.5)
        ? dice.whole(500, 12_000)
        : dice.whole(500, 100_000);
    const mode = dice.pick(['busy', 'stopped', 'stuck', 'disk', 'crash'] as const) ?? 'crash';
    if (mode === 'crash') this.#keeper.end(process, dice.pick([1, 0, 78, null]) ?? null);
    else this.#suffer(process, mode, mode === 'disk' ? (forMs ?? 120_000) : forMs);
  }

  #operate(): void {
    const dice = this.#dice;
    const slot = dice.pick(this.#supervisor.slots.all());
    const type = dice.pick([
      'start',
      'start',
      'stop',
      'stop',
      'restart',
      'restart',
      'stop-now',
      'scale',
      'scale',
    ] as const);
    if (type === 'scale') this.#scale();
    else if (slot !== undefined && type !== undefined) {
      const event: SlotEvent = type === 'start' ? { type } : { type, reason: 'by hand' };
      this.#supervisor.ask(slotId(slot), event);
    }
  }

  #scale(): void {
    const count = this.#dice.whole(1, mostSlots);
    for (let slot = 1; slot <= mostSlots; slot += 1) {
      const id = slotId({ service: 'users', slot });
      if (slot <= count) this.#add('users', slot);
      else this.#supervisor.ask(id, { type: 'stop', reason: 'scaled' });
      this.#supervisor.run(() => {
        if (slot > count && this.#supervisor.slots.get(id)?.state === 'stopped')
          this.#supervisor.slots.remove(id);
      });
    }
  }

  #add(service: string, slot: number): void {
    this.#supervisor.run(() => {
      this.#supervisor.slots.add(service, slot);
    });
    this.#supervisor.ask(slotId({ service, slot }), { type: 'start' });
  }

  /** Nobody has time: beats come seldom, looks come late. */
  #starve(forMs: number): void {
    this.#say(`starved for ${String(forMs)}`);
    // Or only those below: a supervisor of another group of the machine has its time.
    if (this.#dice.chance(0.6)) this.#starvedUntil = this.#agenda.now + forMs;
    for (const process of this.#keeper.living.values()) {
      if (process.mode !== 'ok') continue;
      process.set('starved');
      this.#starvedBeat(process);
      this.#agenda.after(forMs, () => {
        if (process.mode === 'starved') this.#keeper.thaw(process, 'ok');
      });
    }
  }

  #starvedBeat(process: SimProcess): void {
    this.#agenda.after(this.#dice.whole(500, 40_000), () => {
      if (process.mode !== 'starved') return;
      process.beat();
      this.#starvedBeat(process);
    });
  }

  /** The whole machine stands still, and goes on one after the other. */
  #freeze(forMs: number): void {
    if (!this.#supervisor.isAlive) return;
    this.#say(`frozen for ${String(forMs)}`);
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#agenda.now + forMs);
    for (const process of this.#keeper.living.values()) {
      const { mode } = process;
      if (mode !== 'ok' && mode !== 'stopped' && mode !== 'stuck' && mode !== 'busy') continue;
      process.set('frozen');
      this.#agenda.after(forMs + this.#dice.whole(0, 300), () => {
        this.#keeper.thaw(process, mode);
        if (mode !== 'ok')
          this.#agenda.after(100_000, () => {
            this.#recover(process, mode);
          });
      });
    }
    this.#holdUp(forMs);
  }

  #recover(process: SimProcess, from: Mode): void {
    if (process.mode === from) this.#keeper.thaw(process, 'ok');
  }

  #holdUp(forMs: number): void {
    const supervisor = this.#supervisor;
    supervisor.isStopped = true;
    this.#heldUntil = Math.max(this.#heldUntil, this.#agenda.now + forMs);
    this.#agenda.after(forMs, () => {
      if (supervisor.isAlive && this.#agenda.now >= this.#heldUntil) supervisor.goOn();
    });
  }

  #harmSupervisor(): void {
    if (this.#supervisor.isAlive && this.#dice.chance(0.5)) {
      const forMs = this.#dice.whole(500, 60_000);
      this.#say(`supervisor stopped for ${String(forMs)}`);
      this.#holdUp(forMs);
      return;
    }
    // What stands still ends nobody.
    if (!this.#supervisor.isAlive || this.#agenda.now < this.#frozenUntil) return;
    if (this.#dice.chance(0.5)) this.#diesAfter = this.#dice.whole(1, 3);
    else this.#killSupervisor();
  }

  /** In the middle of what follows from a transition. */
  #noteTransition(): void {
    if (this.#diesAfter === 0) return;
    this.#diesAfter -= 1;
    const supervisor = this.#supervisor;
    if (this.#diesAfter === 0)
      this.#agenda.after(this.#dice.whole(0, 3), () => {
        if (supervisor.isAlive && this.#agenda.now >= this.#frozenUntil) this.#killSupervisor();
      });
  }

  #killSupervisor(): void {
    this.#say('supervisor killed');
    this.#supervisor.kill(this.#dice.chance(0.5));
    this.#agenda.after(this.#dice.whole(50, 3_000), () => {
      this.#supervisor = this.#makeSupervisor();
      this.#heldUntil = 0;
      this.#say('supervisor succeeded');
      this.#supervisor.restore();
      for (const process of this.#keeper.living.values())
        this.#agenda.after(this.#dice.whole(10, 1_000), () => {
          process.whenRunning(() => {
            if (process.isAlive) this.#supervisor.hello(process);
          });
        });
    });
  }

  #needsOf(service: string): readonly string[] {
    return service === 'orders' ? ['users'] : [];
  }

  #makeSupervisor(): SimSupervisor {
    return new SimSupervisor({
      ...{
        agenda: this.#agenda,
        dice: this.#dice,
        keeper: this.#keeper,
        oracle: this.#oracle,
        policies: this.#policies,
      },
      needs: (service) => this.#needsOf(service),
      lateMs: () => (this.#agenda.now < this.#starvedUntil ? this.#dice.whole(0, 5_000) : 0),
      drain: (process) => {
        this.#drain(process);
      },
      onTransition: () => {
        this.#noteTransition();
      },
      say: this.#say,
    });
  }
}
