/** M3: one of ten instances is stopped. What its callers hold for it is bounded, beyond that they hear at once, and the other nine fare as before. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as aTurn, setTimeout as pause } from 'node:timers/promises';
import { bounds } from '../../src/core/bounds.ts';
import type { Caller } from '../../src/mesh/caller.ts';
import { times } from '../fuzz/chance.ts';
import { MeshWorld } from '../mesh/mesh-world.ts';
import { startServer } from '../mesh/server-process.ts';

const others = [2, 3, 4, 5, 6, 7, 8, 9, 10];
const rounds = times(200, 5_000);
const body = 'x'.repeat(100_000);
const refusals = 100;
const deadlineMs = 120_000;
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const percentile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

interface Fared {
  readonly p99Ms: number;
  /** Of the caller, for one call: other programs of the machine change it less than they change a time. */
  readonly cpuUs: number;
}

/** Each of the nine is asked in turn. */
async function askOthers(caller: Caller): Promise<Fared> {
  const took: number[] = [];
  const cpu = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) {
    for (const slot of others) {
      const began = performance.now();
      await caller.call('users', 'echo', { round }, { slot });
      took.push(performance.now() - began);
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  const sorted = took.sort((a, b) => a - b);
  return { p99Ms: percentile(sorted, 0.99), cpuUs: (user + system) / sorted.length };
}

interface Refused {
  /** Of those that were not accepted. */
  readonly codes: Map<string, number>;
  readonly waiting: Promise<unknown>[];
  slowestMs: number;
}

/** Asks the one that is stopped until it was refused this often; what was accepted waits. */
async function fill(caller: Caller, signal: AbortSignal): Promise<Refused> {
  const refused: Refused = { codes: new Map(), waiting: [], slowestMs: 0 };
  let count = 0;
  while (count < refusals) {
    const began = performance.now();
    const call = caller.call('users', 'echo', body, { slot: 1, deadlineMs, signal });
    const code = call.then(
      () => 'answered',
      (error: unknown) => (error as { code: string }).code,
    );
    refused.waiting.push(code);
    const first = await Promise.race([code, aTurn()]);
    if (first === undefined) continue;
    count += 1;
    refused.slowestMs = Math.max(refused.slowestMs, performance.now() - began);
    refused.codes.set(first, (refused.codes.get(first) ?? 0) + 1);
  }
  return refused;
}

/** It has to read what it was sent before there is room for more. */
async function untilTaken(caller: Caller): Promise<number> {
  const began = performance.now();
  for (;;) {
    const code = await caller.call('users', 'echo', 1, { slot: 1, deadlineMs }).then(
      () => undefined,
      (error: unknown) => (error as { code: string }).code,
    );
    const tookMs = performance.now() - began;
    if (code === undefined) return tookMs;
    assert.ok(code === 'OVERLOADED' && tookMs < 20_000, `${code} after ${tookMs.toFixed(0)} ms`);
    await pause(10);
  }
}

test('M3 a stopped one of ten costs its caller a bounded memory and OVERLOADED at once, the others nothing', async (context) => {
  await using world = new MeshWorld();
  const servers = new Map<number, ChildProcess>();
  try {
    const start = async (slot: number): Promise<void> => {
      const self = { service: 'users', slot, epoch: 1 };
      servers.set(slot, await startServer(world, self));
      world.list({ ...self, address: world.address(self) });
    };
    await Promise.all([1, ...others].map(start));
    const caller = world.caller();
    await caller.call('users', 'echo', body, { slot: 1 });
    await askOthers(caller);
    const before = await askOthers(caller);
    const memoryBefore = process.memoryUsage();
    servers.get(1)?.kill('SIGSTOP');
    const abort = new AbortController();
    const refused = await fill(caller, abort.signal);
    // What was refused is garbage: once, it is collected while the first of these are answered.
    await askOthers(caller);
    const during = await askOthers(caller);
    const memory = process.memoryUsage();
    const inBuffers = memory.arrayBuffers - memoryBefore.arrayBuffers;
    abort.abort();
    const ends = await Promise.all(refused.waiting);
    servers.get(1)?.kill('SIGCONT');
    const backMs = await untilTaken(caller);
    const after = await askOthers(caller);
    await caller.close();

    const undisturbed = Math.max(before.p99Ms, after.p99Ms);
    const cpuRatio = (2 * during.cpuUs) / (before.cpuUs + after.cpuUs);
    context.diagnostic(
      `p99 of the nine ${[before, during, after].map(({ p99Ms }) => p99Ms.toFixed(2)).join(', ')} ms before, with the tenth stopped, after; CPU a call ${cpuRatio.toFixed(2)} x`,
    );
    const held = ends.length - refusals;
    context.diagnostic(
      `${String(held)} calls held, ${mebibytes(inBuffers)} more in buffers, ${mebibytes(memory.rss - memoryBefore.rss)} in all; slowest refusal ${refused.slowestMs.toFixed(1)} ms; asked again ${backMs.toFixed(0)} ms after it went on`,
    );
    assert.deepEqual([...refused.codes.keys()], ['OVERLOADED']);
    // Most of them as text, until the connection takes more.
    assert.ok(held * body.length < 2 * bounds.outgoingBytes, `${String(held)} calls`);
    assert.ok(inBuffers < 2 * bounds.outgoingBytes, mebibytes(inBuffers));
    assert.ok(refused.slowestMs < 1_000, `${refused.slowestMs.toFixed(0)} ms`);
    // Generous: the machine may be busy with other things in one of the three.
    assert.ok(during.p99Ms < 10 * undisturbed + 100, `${during.p99Ms.toFixed(1)} ms`);
    assert.ok(cpuRatio < 3, `${cpuRatio.toFixed(2)} x`);
  } finally {
    for (const server of servers.values()) {
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
    }
  }
});
