/** M1: every call settles once, with its own answer or an error, not later than its deadline and a little; whatever is killed or stopped. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from '../../src/mesh/caller.ts';
import { MeshWorld } from '../mesh/mesh-world.ts';
import { startServer } from '../mesh/server-process.ts';

const calls = process.env['TUTTI_LONG'] === undefined ? 20_000 : 1_000_000;
const clients = 64;
const graceMs = 100;
const allowed = new Set([
  ...['CALL_TIMED_OUT', 'INSTANCE_LOST', 'CONNECTION_REFUSED', 'NO_INSTANCE', 'CIRCUIT_OPEN', 'OVERLOADED'],
]);

interface Tally {
  settled: number;
  readonly byCode: Map<string, number>;
  worstLateMs: number;
}

/** One call after the other, each with a number that no other has. */
async function client(caller: Caller, numbers: Iterator<number, undefined>, tally: Tally): Promise<void> {
  for (let next = numbers.next(); next.done !== true; next = numbers.next()) {
    const n = next.value;
    const deadlineMs = 50 + (n % 8) * 50;
    const startedAt = performance.now();
    const code = await caller
      .call('users', n % 2 === 0 ? 'echo' : 'once', { n, padding: 'x'.repeat(n % 500) }, { deadlineMs })
      .then((answer) => {
        assert.equal((answer as { n: number }).n, n, 'the answer of another call');
        return 'answered';
      })
      .catch((error: unknown) => (error as { code?: string }).code ?? String(error));
    tally.worstLateMs = Math.max(tally.worstLateMs, performance.now() - startedAt - deadlineMs);
    // What is refused at once must not keep the loop from all else.
    if (code !== 'answered') await new Promise(setImmediate);
    tally.settled += 1;
    tally.byCode.set(code, (tally.byCode.get(code) ?? 0) + 1);
  }
}

/** Four instances of which one is killed or stopped all the time. */
class Victims {
  readonly #world: MeshWorld;
  readonly #servers = new Map<number, ChildProcess>();
  readonly #epochs = new Map<number, number>();
  kills = 0;
  stops = 0;

  constructor(world: MeshWorld) {
    this.#world = world;
  }

  async start(slot: number): Promise<void> {
    const epoch = (this.#epochs.get(slot) ?? 0) + 1;
    this.#epochs.set(slot, epoch);
    const self = { service: 'users', slot, epoch };
    this.#servers.set(slot, await startServer(this.#world, self));
    this.#world.list({ ...self, address: this.#world.address(self) });
  }

  async kill(slot: number): Promise<void> {
    const server = this.#servers.get(slot);
    if (server === undefined) return;
    this.kills += 1;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
    this.#world.unlist({ service: 'users', slot });
    await this.start(slot);
  }

  async stop(slot: number, ms: number): Promise<void> {
    const server = this.#servers.get(slot);
    this.stops += 1;
    server?.kill('SIGSTOP');
    await pause(ms);
    server?.kill('SIGCONT');
  }

  async end(): Promise<void> {
    for (const server of this.#servers.values()) {
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
    }
  }
}

test(`M1 ${calls.toLocaleString('en')} calls between processes that are killed and stopped: each settles once, with its own, in time`, async (context) => {
  await using world = new MeshWorld();
  const victims = new Victims(world);
  for (const slot of [1, 2, 3, 4]) await victims.start(slot);
  const caller = world.caller();
  const tally: Tally = { settled: 0, byCode: new Map(), worstLateMs: -Infinity };
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  const numbers = Array.from({ length: calls }, (_hole, n) => n).values();
  const load = { isOver: false };
  const harm = (async () => {
    for (let round = 0; !load.isOver; round += 1) {
      const slot = 1 + (round % 4);
      if (round % 3 === 2) await victims.stop(slot, 300);
      else await victims.kill(slot);
    }
  })();
  await Promise.all(Array.from({ length: clients }, () => client(caller, numbers, tally)));
  load.isOver = true;
  await harm;
  const { inFlight, calls: made } = caller.stats();
  await victims.end();
  lag.disable();
  const lagMs = lag.max / 1e6;
  const ends = [...tally.byCode].map(([code, count]) => `${code} ${String(count)}`).join(', ');
  context.diagnostic(
    `${ends}; ${String(victims.kills)} kills, ${String(victims.stops)} stops; latest ${tally.worstLateMs.toFixed(0)} ms after its deadline, loop late by ${lagMs.toFixed(0)} ms`,
  );
  assert.deepEqual([tally.settled, made, inFlight], [calls, calls, 0]);
  const strange = [...tally.byCode.keys()].filter((code) => code !== 'answered' && !allowed.has(code));
  assert.deepEqual(strange, []);
  assert.ok(victims.kills > 0 && victims.stops > 0);
  // What our own loop was late is not the call's.
  assert.ok(
    tally.worstLateMs <= graceMs + lagMs,
    `a call settled ${tally.worstLateMs.toFixed(0)} ms after its deadline`,
  );
});
