/**
 * The life of one keeper: keeps a supervisor running, passes on signals, and ends everything at the end.
 * Whatever happens to supervisors, `run` ends only when no process group that it started has a member left.
 */
import type { KeeperFrame, KeeperRequest, SupervisorEnd } from '../../core/keeper-frames.ts';
import type { Clock, Random, Timer } from '../../core/ports.ts';
import { exitCodeConfigRefused, restartDelayMs } from '../../core/restart-policy.ts';
import type { RunKeys } from '../../os/identity.ts';
import { killGroups } from '../../os/process-groups.ts';
import type { ProcessesFile } from '../../os/processes-file.ts';
import { Instances } from './instances.ts';
import { Listeners } from './listeners.ts';
import { Memos } from './memos.ts';
import { answer, stateOf, type KeeperParts } from './requests.ts';
import { SupervisorProcess, type SupervisorGone, type SupervisorOptions } from './supervisor-process.ts';

interface KeeperNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly processes: ProcessesFile;
  readonly keys: RunKeys;
  readonly supervisor: SupervisorOptions;
  /** From the first signal to the killing of everything. */
  readonly graceMs: number;
  readonly say: (sentence: string) => void;
  /** The supervisor knows the name of the app. */
  readonly rename: (app: string) => void;
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** A supervisor that lived this long was no quick failure. */
const minUptimeMs = 1_000;
/** One that was up, and be it for a moment, is wanted back soon: whatever it died of, without one nobody judges or restarts. */
const longestDelayMs = 500;
/** After the second signal. */
const hurryMs = 800;
/** Signals closer than this are one. */
const echoMs = 200;
/** Of a supervisor that was never up. */
const mostFirstFailures = 5;
/** From `finish` to the supervisor's own exit. */
const farewellMs = 2_000;
const exitCodeConfigInvalid = 3;
const exitCodeKilled = 1;
const exitCodeSecondSignal = 130;

export class Keeper {
  readonly #needs: KeeperNeeds;
  readonly #parts: KeeperParts;
  readonly #ended = Promise.withResolvers<number>();
  #supervisor: SupervisorProcess | undefined;
  #generation = 0;
  #predecessor: SupervisorEnd | undefined;
  #quickFailures = 0;
  #hasBeenUp = false;
  /** The supervisor of now, or the last one, was. */
  #wasUp = false;
  #stop: { reason: StopSignal; count: number } | undefined;
  #finishCode: number | undefined;
  #signalledAt = -Infinity;
  #timers: Timer[] = [];
  #isEnding = false;

  constructor(needs: KeeperNeeds) {
    this.#needs = needs;
    const listeners = new Listeners();
    const instances = new Instances({
      clock: needs.clock,
      processes: needs.processes,
      descriptors: (names) => listeners.descriptors(names),
      onExit: (exit) => {
        this.#tell({ op: 'exited', ...exit });
      },
    });
    const finish = (code: number): void => {
      this.#finishCode = code;
      this.#later(farewellMs, () => {
        this.#end(code);
      });
    };
    this.#parts = { instances, listeners, memos: new Memos(), rename: needs.rename, finish };
  }

  /** Gives the exit code, once everything is gone. */
  async run(): Promise<number> {
    this.#startSupervisor();
    const code = await this.#ended.promise;
    await this.#killAll();
    this.#parts.listeners.close();
    return code;
  }

  /** The first asks for an orderly stop, the second hurries it, the third is the last. A closed terminal hurries nobody. */
  onSignal(reason: StopSignal): void {
    if (reason === 'SIGHUP' && this.#stop !== undefined) return;
    if (this.#isEcho()) return;
    this.#stop = { reason, count: (this.#stop?.count ?? 0) + 1 };
    const { count } = this.#stop;
    const code = count > 1 ? exitCodeSecondSignal : exitCodeKilled;
    if (this.#supervisor === undefined || count > 2) {
      this.#end(code);
      return;
    }
    this.#tell({ op: 'stop', ...this.#stop });
    this.#later(count > 1 ? hurryMs : this.#needs.graceMs, () => {
      this.#needs.say('The app did not stop in time: what is left of it is killed');
      this.#end(code);
    });
  }

  /** A terminal and npm both pass on one Ctrl-C; nobody presses it twice within a fifth of a second. */
  #isEcho(): boolean {
    const now = this.#needs.clock.now();
    const isEcho = now - this.#signalledAt < echoMs;
    this.#signalledAt = now;
    return isEcho;
  }

  #startSupervisor(): void {
    if (this.#isEnding) return;
    this.#generation++;
    this.#supervisor = new SupervisorProcess(this.#needs.supervisor, {
      ...this.#needs,
      onRequest: (request) => {
        this.#onRequest(request);
      },
      onGone: (gone) => {
        this.#onSupervisorGone(gone);
      },
    });
    this.#tell({
      op: 'welcome',
      generation: this.#generation,
      ...(this.#predecessor === undefined ? {} : { predecessor: this.#predecessor }),
      keys: this.#needs.keys,
      ...stateOf(this.#parts),
    });
    if (this.#stop !== undefined) this.#tell({ op: 'stop', ...this.#stop });
  }

  #onRequest(request: KeeperRequest): void {
    if (this.#isEnding || request.op === 'pong') return;
    if (request.op === 'up') {
      this.#hasBeenUp = this.#wasUp = true;
      return;
    }
    const asker = this.#supervisor;
    void answer(request, this.#parts).then((frame) => asker?.send(frame));
  }

  #onSupervisorGone({ end, livedMs }: SupervisorGone): void {
    const { code } = end;
    this.#supervisor = undefined;
    this.#predecessor = end;
    const isRefusal = code === exitCodeConfigRefused || code === exitCodeConfigInvalid;
    if (this.#finishCode !== undefined) this.#end(this.#finishCode);
    else if (isRefusal && !this.#hasBeenUp) this.#end(code);
    else this.#restartSupervisor(livedMs);
  }

  #restartSupervisor(livedMs: number): void {
    this.#quickFailures = livedMs < minUptimeMs ? this.#quickFailures + 1 : 1;
    // Nothing runs yet and somebody waits for it: better an end than silence.
    if (!this.#hasBeenUp && this.#quickFailures >= mostFirstFailures) {
      this.#needs.say('The supervisor does not come up; what it said is above');
      this.#end(exitCodeKilled);
      return;
    }
    const waitMs = restartDelayMs(this.#quickFailures, this.#needs.random);
    const delayMs = this.#wasUp ? Math.min(waitMs, longestDelayMs) : waitMs;
    this.#wasUp = false;
    // Also during a stop: a successor finishes it, and the stop's own limit ends one that does not come up.
    if (delayMs === 0) this.#startSupervisor();
    else {
      this.#later(delayMs, () => {
        this.#startSupervisor();
      });
    }
  }

  #tell(frame: KeeperFrame): void {
    this.#supervisor?.send(frame);
  }

  #later(delayMs: number, fire: () => void): void {
    this.#timers.push(this.#needs.clock.after(delayMs, fire));
  }

  #end(code: number): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    for (const timer of this.#timers) timer.cancel();
    this.#ended.resolve(code);
  }

  async #killAll(): Promise<void> {
    const pids = this.#parts.instances.living().map(({ pid }) => pid);
    if (this.#supervisor?.pid !== undefined) pids.push(this.#supervisor.pid);
    const left = await killGroups(pids, { clock: this.#needs.clock });
    if (left.length > 0) this.#needs.say(`These process groups do not end: ${left.join(', ')}`);
  }
}
