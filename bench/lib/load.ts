/**
 * Keeps a number of calls in flight for a time and says how it went. The same loop drives every peer, in its client process.
 */
import type { Call, Load, LoadResult } from './peer.ts';

interface Row {
  readonly id: number;
  readonly name: string;
  readonly note: string;
}

const row = (id: number, noteLength: number): Row => ({
  id,
  name: `name ${String(id)}`,
  note: 'n'.repeat(noteLength),
});

/** Objects whose JSON has the size, in a field: every peer takes an object as input. */
export const inputs: Readonly<Record<Load['size'], { rows: Row[] }>> = {
  '100 B': { rows: [row(1, 50)] },
  '10 KB': { rows: Array.from({ length: 100 }, (_none, index) => row(index, 65)) },
};

export async function runLoad(call: Call, { size, inFlight, ms }: Load): Promise<LoadResult> {
  const input = inputs[size];
  const latencies: number[] = [];
  const started = performance.now();
  const end = started + ms;
  const one = async (): Promise<void> => {
    for (let sent = performance.now(); sent < end;) {
      await call(input);
      const now = performance.now();
      latencies.push(now - sent);
      sent = now;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
  return { calls: sorted.length, ms: performance.now() - started, p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Calls that `checkEcho` makes. */
export const echoChecks = Object.keys(inputs).length;

/** A peer that answers something else than it was sent would be measured for nothing. */
export async function checkEcho(call: Call): Promise<void> {
  for (const input of Object.values(inputs)) {
    const answer = JSON.stringify(await call(input));
    if (answer !== JSON.stringify(input))
      throw new Error(`the echo is not what was sent: ${answer.slice(0, 200)}`);
  }
}
