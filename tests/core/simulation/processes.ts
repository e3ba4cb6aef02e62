/** Simulated processes and the keeper that is their parent: what they do, what /proc would say of them, what they are told. */
import type { KeeperExit, KeeperProcess } from '../../../src/core/keeper-frames.ts';
import type { Agenda, Dice } from './agenda.ts';

/** `ok` beats. `busy`, `stopped`, `stuck` do not, by their own fault; `disk`, `starved`, `frozen` by nobody's. */
export type Mode = 'ok' | 'busy' | 'stopped' | 'stuck' | 'disk' | 'starved' | 'frozen';
const faults: ReadonlySet<Mode> = new Set(['busy', 'stopped', 'stuck']);
const letters = {
  ok: 'S',
  busy: 'R',
  stopped: 'T',
  stuck: 'S',
  disk: 'D',
  starved: 'R',
  frozen: 'S',
} as const;
/** Share of a core that is used. */
const shares = { ok: 0, busy: 0.7, stopped: 0, stuck: 0, disk: 0, starved: 0.001, frozen: 0 } as const;
const beatMs = 500;

/** How a process will be, drawn at its birth. */
export interface Fate {
  readonly openMs: number | undefined;
  readonly exitsAfterMs: number | undefined;
  readonly code: number | null;
  readonly drainMs: number;
  readonly extends: boolean;
  readonly ignoresTerm: boolean;
}

export class SimProcess {
  readonly id: { readonly key: string; readonly epoch: number; readonly pid: number };
  readonly fate: Fate;
  phase: 'starting' | 'ready' | 'draining' = 'starting';
  mode: Mode = 'ok';
  isAlive = true;
  isKilled = false;
  isTermed = false;
  /** What it could not do while it did not run. */
  readonly #todo: (() => void)[] = [];
  readonly #agenda: Agenda;
  #since: number;
  #lastBeat: number;
  #cpuMs = 0;
  /** Of this silence: by its own fault, of that not busy, and in freezes. */
  #faultMs = 0;
  #stillMs = 0;
  #frozenMs = 0;

  constructor(id: SimProcess['id'], fate: Fate, agenda: Agenda) {
    this.id = id;
    this.fate = fate;
    this.#agenda = agenda;
    this.#since = agenda.now;
    this.#lastBeat = agenda.now;
  }

  get beatAt(): number {
    if (this.mode !== 'ok') return this.#lastBeat;
    return this.#since + Math.floor((this.#agenda.now - this.#since) / beatMs) * beatMs;
  }

  /** As /proc tells it: in ticks. */
  get cpuMs(): number {
    return Math.floor((this.#cpuMs + this.#spent * shares[this.mode]) / 10) * 10;
  }

  get state(): string {
    return letters[this.mode];
  }

  get #spent(): number {
    return this.#agenda.now - this.#since;
  }

  set(mode: Mode): void {
    if (!this.isAlive) return;
    this.#account();
    this.#since = this.#agenda.now;
    this.mode = mode;
    if (mode === 'ok') this.beat();
    if (mode === 'ok' || mode === 'starved') for (const run of this.#todo.splice(0)) run();
  }

  beat(): void {
    this.#account();
    this.#lastBeat = this.#agenda.now;
    this.#faultMs = this.#stillMs = this.#frozenMs = 0;
  }

  /** Now, or when it runs again. */
  whenRunning(run: () => void): void {
    if (this.mode === 'ok' || this.mode === 'starved') run();
    else this.#todo.push(run);
  }

  /** Why it deserves to be ended for its silence; undefined: it does not. */
  guilt(limits: { readonly heartbeatTimeout: number; readonly busyAfter: number }): string | undefined {
    this.#account();
    // A machine that goes on thaws one after the other: what somebody did before it stood still is not forgotten.
    if (!faults.has(this.mode) && this.mode !== 'frozen') return undefined;
    // A silence begins with the last beat, up to one beat before the fault.
    const since = this.#frozenMs + beatMs;
    if (this.#stillMs > 0 && this.#stillMs + since >= limits.heartbeatTimeout) return 'still';
    return this.#faultMs + since >= limits.busyAfter ? 'busy' : undefined;
  }

  get stillMs(): number {
    return this.mode === 'stopped' || this.mode === 'stuck' ? this.#stillMs + this.#spent : 0;
  }
  get faultMs(): number {
    return faults.has(this.mode) ? this.#faultMs + this.#spent : 0;
  }

  #account(): void {
    const spent = this.#spent;
    this.#lastBeat = this.beatAt;
    this.#cpuMs += spent * shares[this.mode];
    if (faults.has(this.mode)) this.#faultMs += spent;
    if (this.mode === 'stopped' || this.mode === 'stuck') this.#stillMs += spent;
    if (this.mode === 'frozen') this.#frozenMs += spent;
    // A beat keeps its place in the row.
    this.#since = this.mode === 'ok' ? this.#lastBeat : this.#agenda.now;
  }
}

export interface KeeperNeeds {
  readonly agenda: Agenda;
  readonly dice: Dice;
  readonly fate: () => Fate;
  readonly onBorn: (process: SimProcess) => void;
  readonly onExit: (exit: KeeperExit) => void;
}

/** One living process per slot; the end of one is said when its group is gone, and kept until it is forgotten. */
export class SimKeeper {
  readonly living = new Map<string, SimProcess>();
  readonly byPid = new Map<number, SimProcess>();
  readonly exited: KeeperExit[] = [];
  readonly memos: Record<string, unknown> = {};
  readonly #epochs = new Map<string, number>();
  readonly #needs: KeeperNeeds;
  #pid = 100;

  constructor(needs: KeeperNeeds) {
    this.#needs = needs;
  }

  /** @throws when there is one already, or its epoch was there before. */
  spawn(key: string, epoch: number): SimProcess {
    const { agenda, fate, onBorn } = this.#needs;
    const last = this.#epochs.get(key) ?? 0;
    if (this.living.has(key)) throw new Error(`two living epochs: ${key}@${String(epoch)}`);
    if (epoch <= last) throw new Error(`epoch ${String(epoch)} of ${key} after ${String(last)}`);
    this.#epochs.set(key, epoch);
    const process = new SimProcess({ key, epoch, pid: (this.#pid += 1) }, fate(), agenda);
    this.living.set(key, process);
    this.byPid.set(process.id.pid, process);
    onBorn(process);
    return process;
  }

  signal(key: string, signal: 'SIGTERM' | 'SIGKILL'): void {
    const process = this.living.get(key);
    if (process?.isAlive !== true) return;
    if (signal === 'SIGKILL') this.#kill(process);
    else if (!process.isTermed) {
      process.isTermed = true;
      const mayEnd = !process.fate.ignoresTerm;
      process.whenRunning(() => {
        if (mayEnd)
          this.#needs.agenda.after(this.#needs.dice.whole(0, 1_500), () => {
            this.endIfAble(process, 0);
          });
      });
    }
  }

  endIfAble(process: SimProcess, code: number | null): void {
    process.whenRunning(() => {
      this.end(process, code);
    });
  }

  end(process: SimProcess, code: number | null): void {
    if (!process.isAlive) return;
    process.isAlive = false;
    const { agenda, dice, onExit } = this.#needs;
    const { key, epoch, pid } = process.id;
    // Its children go a little later.
    agenda.after(dice.chance(0.1) ? dice.whole(100, 3_000) : dice.whole(0, 5), () => {
      this.living.delete(key);
      this.byPid.delete(pid);
      const exit = { key, epoch, pid, code, signal: code === null ? 'SIGKILL' : null, at: agenda.now };
      this.exited.push(exit);
      onExit(exit);
    });
  }

  forget(key: string, epoch: number): void {
    const at = this.exited.findIndex((exit) => exit.key === key && exit.epoch === epoch);
    if (at >= 0) this.exited.splice(at, 1);
  }

  processes(): KeeperProcess[] {
    return [...this.living.values()].map(({ id }) => ({ ...id, startTime: id.pid }));
  }

  /** A process in D or in a freezer dies when it leaves it. */
  #kill(process: SimProcess): void {
    process.isKilled = true;
    if (process.mode !== 'disk' && process.mode !== 'frozen') this.end(process, null);
  }

  thaw(process: SimProcess, mode: Mode): void {
    if (process.isKilled) this.end(process, null);
    else process.set(mode);
  }
}
