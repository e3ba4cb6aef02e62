/**
 * An app under observation from its first process to its last. `end` asserts what holds after every fault: no process of it
 * is left, no slot ever had two living processes, and its event log tells every transition.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { InstanceState } from '../../src/core/instance-state.ts';
import { Command } from '../journeys/command.ts';
import { livesStill, untilGone } from '../journeys/processes.ts';

const bin = fileURLToPath(new URL('../../bin/tutti.js', import.meta.url));

/** What these tests read of an event. */
export interface Seen {
  readonly type?: string;
  readonly name?: string;
  readonly seq: number;
  readonly time: number;
  readonly instance: string;
  readonly from: InstanceState;
  readonly to: InstanceState;
  readonly reason: string;
  readonly failures: number;
  readonly crashLoop: boolean;
}

/** In these a slot has no process. */
const empty: ReadonlySet<string> = new Set(['pending', 'backoff', 'failed', 'stopped']);
const slotOf = (event: Seen): string => event.instance.split('@')[0] ?? '';

export class WatchedApp extends Command {
  readonly #mark: string;
  readonly #file: string;
  readonly #folder: string;
  readonly #twice = new Set<string>();
  readonly #known = new Map<number, boolean>();
  readonly #sampler: NodeJS.Timeout;

  constructor(folder: string, file: string, env: Readonly<Record<string, string>> = {}) {
    super(folder, ['start', file], env);
    this.#folder = folder;
    this.#file = file;
    this.#mark = `TUTTI_STATE_DIR=${folder}/.tutti\0`;
    this.#sampler = setInterval(() => {
      this.#look();
    }, 40);
  }

  /** Instance events, oldest first, as `tutti history --json` prints them. */
  events(): Seen[] {
    const env = { ...process.env, XDG_RUNTIME_DIR: this.#folder, TUTTI_STATE_DIR: `${this.#folder}/.tutti` };
    const args = [bin, 'history', '--json', '--app', this.#file];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const lines = stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Seen);
  }

  eventsOf(slot: string): Seen[] {
    return this.events().filter((event) => event.type !== 'app' && slotOf(event) === slot);
  }

  /** Every process that was given this app's state directory, whoever started it. */
  processes(): number[] {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => this.#isOfApp(pid) && livesStill(pid));
  }

  /** Ends the app in order, and asserts what the head of this file says. */
  async end(): Promise<void> {
    this.#assertHistory();
    this.child.kill('SIGTERM');
    assert.equal(await this.exited, 0, this.said.slice(-2_000));
    this.assertNobodyLeft();
  }

  assertNobodyLeft(): void {
    clearInterval(this.#sampler);
    assert.deepEqual(this.processes(), [], 'processes of the app are left');
    assert.deepEqual([...this.#twice], [], 'two living processes of one slot');
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sampler);
    // Who was left stopped by a test that failed would hold its pipes, and so the end, for ever.
    for (const pid of this.processes()) process.kill(pid, 'SIGCONT');
    await super[Symbol.asyncDispose]();
    const left = this.processes();
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await untilGone(left);
  }

  #assertHistory(): void {
    const last = new Map<string, Seen>();
    let seq = 0;
    for (const event of this.events()) {
      assert.ok(event.seq > seq, `${JSON.stringify(event)} does not come after ${String(seq)}`);
      seq = event.seq;
      // A new start of the app knows of no process.
      if (event.type === 'app' && event.name === 'app:started') last.clear();
      if (event.type === 'app') continue;
      const before = last.get(slotOf(event));
      last.set(slotOf(event), event);
      assert.equal(
        event.from,
        before?.to ?? 'stopped',
        `a transition is missing before ${JSON.stringify(event)}`,
      );
      if (before === undefined || before.instance === event.instance) continue;
      assert.ok(empty.has(event.from), `${event.instance} began while ${before.instance} was ${event.from}`);
    }
  }

  #isOfApp(pid: number): boolean {
    const known = this.#known.get(pid);
    if (known !== undefined) return known;
    const found = read(pid, 'environ');
    // Between fork and exec a process still has the environment of its parent, and the title too.
    if (found === '') return false;
    this.#known.set(pid, found.includes(this.#mark));
    return found.includes(this.#mark);
  }

  #look(): void {
    const living = this.processes().map((pid) => ({
      pid,
      parent: Number(/\) \S (\d+)/.exec(read(pid, 'stat'))?.[1]),
      title: /^tutti: (\S+#\d+)/.exec(read(pid, 'cmdline'))?.[1],
    }));
    for (const { pid, title } of living) {
      if (title === undefined) continue;
      // A process that an instance starts has its name until it becomes another program.
      const others = living.filter((other) => other.title === title && other.pid !== pid);
      if (
        others.some(
          (other) =>
            other.parent !== pid && !living.some((one) => one.pid === pid && one.parent === other.pid),
        )
      )
        this.#twice.add(title);
    }
  }
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${String(pid)}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
