/**
 * Starts instances, is their parent, and holds their lifelines. Decides nothing: when to start again is the
 * supervisor's. That an instance has ended is said only when nobody of its process group is left.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, statSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { KeeperExit, KeeperProcess, SignalOrder, SpawnOrder } from '../../core/keeper-frames.ts';
import type { Clock } from '../../core/ports.ts';
import { encodeFrame } from '../../os/json-frames.ts';
import { processStartTime } from '../../os/proc.ts';
import { killGroups, signalGroup } from '../../os/process-groups.ts';
import type { ProcessesFile } from '../../os/processes-file.ts';
import { openSpool } from '../../os/spool.ts';

interface InstancesNeeds {
  readonly clock: Clock;
  readonly processes: ProcessesFile;
  /** Descriptors of the listeners of these names. */
  readonly descriptors: (names: readonly string[]) => number[];
  readonly onExit: (exit: KeeperExit) => void;
}

interface Living extends KeeperProcess {
  readonly child: ChildProcess;
}

const lifelineFd = 3;
/** Whoever may send a signal would else open a debugger, which is a way to run anything. */
const nodeOptions = ['--disable-sigusr1'];
/** Rolling restarts run two processes for one instance for a while. */
const mostProcesses = 2 * bounds.instances;

export class Instances {
  readonly #needs: InstancesNeeds;
  readonly #living = new Map<string, Living>();
  readonly #exited: KeeperExit[] = [];

  constructor(needs: InstancesNeeds) {
    this.#needs = needs;
  }

  /** @throws what the system said (`code`, `syscall`, `path`); nothing runs then. */
  async spawn(order: SpawnOrder): Promise<{ pid: number; startTime: number }> {
    this.#refuse(order);
    const child = start(order, this.#needs.descriptors(order.listeners));
    const { pid } = child;
    if (pid === undefined) throw (await once(child, 'error'))[0];
    // A signal that the system refuses is told here and would end us unheard.
    child.on('error', () => undefined);
    const startTime = processStartTime(pid);
    const living = { key: order.key, epoch: order.epoch, pid, startTime, child };
    this.#living.set(order.key, living);
    child.once('exit', (code, signal) => void this.#bury(living, { code, signal }));
    this.#needs.processes.spawned({ pid, startTime, pgid: pid, key: order.key });
    giveBirthFrames(child, order.birth);
    return { pid, startTime };
  }

  /** False: it has ended. No stranger can be hit: a pid is not given out again before its parent, we, have seen it end. */
  signal({ key, signal, group }: SignalOrder): boolean {
    const living = this.#living.get(key);
    if (living === undefined) return false;
    const name = signal as NodeJS.Signals;
    return group ? signalGroup(living.pid, name) : living.child.kill(name);
  }

  forget(key: string, epoch: number): void {
    const at = this.#exited.findIndex((exit) => exit.key === key && exit.epoch === epoch);
    if (at >= 0) this.#exited.splice(at, 1);
  }

  living(): KeeperProcess[] {
    return [...this.#living.values()].map(({ key, epoch, pid, startTime }) => ({
      key,
      epoch,
      pid,
      startTime,
    }));
  }

  exited(): readonly KeeperExit[] {
    return this.#exited;
  }

  #refuse({ key, entry, cwd }: SpawnOrder): void {
    if (this.#living.has(key)) throw new TuttiError('CONFLICT', { what: `A process for ${key}` });
    if (this.#living.size + this.#exited.length >= mostProcesses) {
      throw new TuttiError('OVERLOADED', { what: 'The keeper' });
    }
    // Node blames the program for a missing folder, and starts for a missing entry.
    statSync(cwd);
    statSync(entry);
  }

  async #bury(living: Living, end: { code: number | null; signal: string | null }): Promise<void> {
    const at = this.#needs.clock.now();
    const { key, epoch, pid, child } = living;
    lifeline(child).destroy();
    const left = signalGroup(pid, 'SIGKILL') ? await killGroups([pid], { clock: this.#needs.clock }) : [];
    this.#living.delete(key);
    this.#needs.processes.gone(pid);
    const exit = { key, epoch, pid, ...end, at, ...(left.length === 0 ? {} : { left: true as const }) };
    this.#exited.push(exit);
    this.#needs.onExit(exit);
  }
}

function start(order: SpawnOrder, descriptors: readonly number[]): ChildProcess {
  const spools: number[] = [];
  try {
    const [out, err] = [order.spool.out, order.spool.err].map((path) => openSpoolOrNone(path, spools));
    return spawn(process.execPath, [...nodeOptions, order.entry, ...order.args], {
      cwd: order.cwd,
      env: order.env,
      detached: true,
      stdio: ['ignore', out, err, 'pipe', ...descriptors],
      ...(order.title === undefined ? {} : { argv0: order.title }),
    });
  } finally {
    for (const fd of spools) closeSync(fd);
  }
}

/** A full disk costs the output, not the service. */
function openSpoolOrNone(path: string, opened: number[]): number | 'ignore' {
  try {
    const fd = openSpool(path);
    opened.push(fd);
    return fd;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOSPC', 'EDQUOT', 'EROFS'].includes(code)) return 'ignore';
    throw error;
  }
}

function giveBirthFrames(child: ChildProcess, frames: readonly object[]): void {
  const line = lifeline(child);
  // It may end before it has read them; its exit says so.
  line.on('error', () => undefined);
  for (const frame of frames) line.write(encodeFrame(frame));
}

/** A socket, since `pipe` makes a pair of them. Nothing is read from it: what an instance writes fills one buffer. */
const lifeline = (child: ChildProcess): Duplex => child.stdio[lifelineFd] as unknown as Duplex;
