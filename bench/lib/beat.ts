/** What one heartbeat costs an instance: its own code in a loop, into a file where it is written in earnest. */
import { join } from 'node:path';
import type { Clock } from '../../src/core/ports.ts';
import { createSlots, SlotWriter } from '../../src/os/statistics-slots.ts';
import { Heartbeat } from '../../src/processes/instance/heartbeat.ts';
import { median } from './table.ts';

const warmUp = 2_000;

/** Median of the single ones: a loop that is preempted tells the machine's load. */
function medianUs(once: () => void, count: number): number {
  const took: number[] = [];
  for (let turn = 0; turn < warmUp + count; turn += 1) {
    const began = process.hrtime.bigint();
    once();
    const tookUs = Number(process.hrtime.bigint() - began) / 1_000;
    if (turn >= warmUp) took.push(tookUs);
  }
  return median(took);
}

const resting = {
  requests: 0,
  inFlight: 0,
  queued: 0,
  errors: 0,
  taken: 0,
  waitedMs: 0,
  rejected: 0,
  fullness: 0,
  calls: 0,
  retries: 0,
};
const record = {
  ...{ epoch: 1, pid: process.pid, startTime: 1, beatAt: 1, loopDelayP99Ms: 0, loopDelayMaxMs: 0 },
  ...{ utilisation: 0, rssBytes: 0, heapBytes: 0, flags: 0, latency: [], ...resting },
  ...{ poolCalls: 0, callAction: 0, callEndsBy: 0, callUnwanted: 0, callNumber: 0 },
};

/** `writeUs`: the record into its slot; `beatUs`: with all that is read for it, memory, loop delay, utilisation. */
export function beatCost(folder: string, count: number): { writeUs: number; beatUs: number } {
  const path = join(folder, 'slots');
  createSlots(path, 1);
  const writer = new SlotWriter(path, 0);
  const writeUs = medianUs(() => {
    writer.write(record);
  }, count);
  writer.close();
  let beat: () => void = () => undefined;
  const clock: Clock = {
    now: () => performance.now(),
    wall: () => Date.now(),
    after(_delayMs, fire) {
      beat = fire;
      return { cancel: () => undefined };
    },
  };
  const heartbeat = new Heartbeat({
    path,
    index: 0,
    epoch: 1,
    beatMs: 1,
    clock,
    stats: () => undefined,
    calls: () => undefined,
    onBeat: () => undefined,
  });
  const beatUs = medianUs(() => {
    beat();
  }, count);
  heartbeat.close();
  return { writeUs, beatUs };
}
