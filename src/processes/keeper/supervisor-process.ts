/**
 * One supervisor process with its channel on fd 3 and the pings that show whether it still listens.
 * A channel that breaks, speaks nonsense or stays silent ends the process; what comes after is the keeper's to decide.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { bounds } from '../../core/bounds.ts';
import type { KeeperFrame, KeeperRequest, SupervisorEnd } from '../../core/keeper-frames.ts';
import { readKeeperRequest } from '../../core/keeper-frames.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { forbidCoreDumps } from '../../os/core-dumps.ts';
import { JsonFrameSocket } from '../../os/json-frames.ts';
import { processStartTime } from '../../os/proc.ts';
import { killGroups, signalGroup } from '../../os/process-groups.ts';
import type { ProcessesFile } from '../../os/processes-file.ts';

export interface SupervisorOptions {
  readonly entry: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether it reads the keeper's terminal. */
  readonly inheritsInput: boolean;
  readonly pingMs: number;
}

interface SupervisorNeeds {
  readonly clock: Clock;
  readonly processes: ProcessesFile;
  readonly onRequest: (request: KeeperRequest) => void;
  readonly onGone: (gone: SupervisorGone) => void;
  readonly say: (sentence: string) => void;
}

export interface SupervisorGone {
  readonly end: SupervisorEnd;
  readonly livedMs: number;
}

/** Pings without a sign of life. Counted and not measured: after a pause of our own, one tick is one. */
const mostUnanswered = 6;
const farewellMs = 1_000;

export class SupervisorProcess {
  readonly #options: SupervisorOptions;
  readonly #needs: SupervisorNeeds;
  readonly #startedAt: number;
  readonly #child: ChildProcess;
  readonly #channel: JsonFrameSocket | undefined;
  #unanswered = 0;
  #nextPing: Timer | undefined;
  #farewell: Timer | undefined;
  readonly #channelClosed = Promise.withResolvers<undefined>();
  #killedFor: string | undefined;
  #isGone = false;

  constructor(options: SupervisorOptions, needs: SupervisorNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#startedAt = needs.clock.now();
    this.#child = spawn(process.execPath, ['--disable-sigusr1', options.entry, ...options.args], {
      env: options.env,
      detached: true,
      stdio: [options.inheritsInput ? 'inherit' : 'ignore', 'inherit', 'inherit', 'pipe'],
    });
    this.#child.on('error', (error) => {
      needs.say(`The supervisor could not be started: ${error.message}`);
      if (this.pid === undefined) void this.#end(null, null);
    });
    this.#child.once('exit', (code, signal) => void this.#end(code, signal));
    // After the spawn: to load the C library costs nothing while the supervisor starts. What is spawned later inherits ours.
    forbidCoreDumps();
    if (this.pid !== undefined) forbidCoreDumps(this.pid);
    this.#channel = this.#open();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whoever does not read what it is told is no use any more. */
  send(frame: KeeperFrame): void {
    if (this.#channel?.send(frame) === false && !this.#channel.closed) this.#replace('it does not read');
  }

  kill(): void {
    if (this.pid !== undefined && !this.#isGone) signalGroup(this.pid, 'SIGKILL');
  }

  #open(): JsonFrameSocket | undefined {
    const { pid } = this.#child;
    if (pid === undefined) return undefined;
    this.#needs.processes.spawned({
      pid,
      startTime: processStartTime(pid),
      pgid: pid,
      key: 'supervisor',
    });
    this.#ping();
    return new JsonFrameSocket(this.#child.stdio[3] as unknown as Duplex, {
      maxBytes: bounds.keeperFrameBytes,
      onFrame: (frame) => {
        this.#unanswered = 0;
        this.#needs.onRequest(readKeeperRequest(frame));
      },
      onClose: (reason) => {
        this.#onChannelClosed(reason);
      },
    });
  }

  #onChannelClosed(reason: string): void {
    this.#channelClosed.resolve(undefined);
    if (this.#isGone) return;
    // On its way out node closes the channel before it exits, and to kill it then would change its exit code.
    this.#farewell = this.#needs.clock.after(farewellMs, () => {
      this.#replace(reason);
    });
  }

  #replace(why: string): void {
    this.#needs.say(`The supervisor is replaced: ${why}`);
    this.#killedFor = why;
    this.kill();
  }

  #ping(): void {
    this.#nextPing = this.#needs.clock.after(this.#options.pingMs, () => {
      this.send({ op: 'ping' });
      if (++this.#unanswered > mostUnanswered) {
        this.#replace('it does not answer');
      } else this.#ping();
    });
  }

  async #bury(pid: number): Promise<void> {
    const { clock, processes } = this.#needs;
    if (signalGroup(pid, 'SIGKILL')) await killGroups([pid], { clock });
    processes.gone(pid);
    // Its last words, a `finish` perhaps, may still be on their way when its exit is seen.
    const enough = clock.after(farewellMs, () => {
      this.#channel?.destroy();
    });
    await this.#channelClosed.promise;
    enough.cancel();
  }

  async #end(code: number | null, signal: string | null): Promise<void> {
    if (this.#isGone) return;
    this.#isGone = true;
    const livedMs = this.#needs.clock.now() - this.#startedAt;
    this.#nextPing?.cancel();
    this.#farewell?.cancel();
    if (this.pid !== undefined) await this.#bury(this.pid);
    const why = this.#killedFor === undefined ? {} : { killedFor: this.#killedFor };
    this.#needs.onGone({ end: { pid: this.pid ?? null, code, signal, ...why }, livedMs });
  }
}
