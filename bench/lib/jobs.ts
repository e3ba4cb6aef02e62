/** What every peer of bench/jobs.ts can be asked for. */

/** How jobs are added: one after the other, so many at once, or so many in one call. */
export interface AddLoad {
  readonly count: number;
  readonly inFlight: number;
  readonly batch: number;
}

export interface RunningJobs extends AsyncDisposable {
  /** Reads the CPU time, in microseconds, of all processes that have to do with it: who adds, who keeps, who works. They are looked up once. */
  meter(): Promise<() => number>;
  /** Resolves when all are acknowledged. Gives milliseconds. */
  add(load: AddLoad): Promise<number>;
  /** So that nothing is begun. */
  pause(): Promise<void>;
  /** Begins, and resolves when `total` have been done since the start of the peer. Gives milliseconds. */
  drain(total: number): Promise<number>;
  /** One after the other, with a pause: from before the call that adds it until its handler begins, in milliseconds each. */
  latencies(count: number): Promise<readonly number[]>;
}

export type StartJobs = (workers: number, concurrency: number) => Promise<RunningJobs>;

/** Whoever adds: what the programs of all peers do with it is the same. */
export interface Adder {
  add(batch: readonly number[]): Promise<unknown>;
  done(): Promise<number>;
  resume(): Promise<unknown>;
}

/** Milliseconds of a clock that all processes of the machine share. */
export const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e6;

const shortestLookMs = 5;
const longestLookMs = 100;
const pauseMs = 8;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function addAll(adder: Adder, { count, inFlight, batch }: AddLoad): Promise<number> {
  let left = count;
  const began = performance.now();
  const one = async (): Promise<void> => {
    while (left > 0) {
      const size = Math.min(batch, left);
      left -= size;
      await adder.add(Array.from({ length: size }, () => 0));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return performance.now() - began;
}

/** Looks seldom while much is left: what it asks costs something too. */
export async function drainAll(adder: Adder, total: number): Promise<number> {
  const began = performance.now();
  await adder.resume();
  const before = await adder.done();
  for (;;) {
    const done = await adder.done();
    const tookMs = performance.now() - began;
    if (done >= total) return tookMs;
    const leftMs = (tookMs * (total - done)) / (done - before);
    await pause(Math.max(shortestLookMs, Math.min(longestLookMs, leftMs / 2)));
  }
}

/** Each is sent when the one before is done, so that nothing waits for another. */
export async function addSlowly(adder: Adder, count: number, done: number): Promise<void> {
  for (let sent = 1; sent <= count; sent += 1) {
    await adder.add([sharedNow()]);
    while ((await adder.done()) < done + sent) await pause(1);
    await pause(pauseMs);
  }
}
