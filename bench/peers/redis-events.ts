/** Redis Streams in bench/events.ts, on a Redis of its own with its log synced at every write. */
import type { ChildProcess } from 'node:child_process';
import type { RunningEvents } from '../lib/events.ts';
import { cpuUs } from '../lib/proc.ts';
import { startRedis } from '../lib/redis.ts';
import { answer, end, startFile } from '../lib/spawn.ts';

export async function startRedisEvents(): Promise<RunningEvents> {
  await using started = new AsyncDisposableStack();
  const redis = started.use(await startRedis(true));
  const start = async (role: string): Promise<ChildProcess> => {
    const child = startFile('peers/redis-streams.ts', [role, redis.address]);
    started.defer(() => end(child));
    await answer(child);
    return child;
  };
  const hearer = await start('hear');
  const teller = await start('tell');
  const parts = started.move();
  let told = 0;
  return {
    meter: () => Promise.resolve(() => cpuUs([hearer.pid ?? 0, teller.pid ?? 0]) + redis.cpuUs()),
    async tell(count) {
      const began = performance.now();
      told += count;
      hearer.send(told);
      teller.send(count);
      await Promise.all([answer(hearer), answer(teller)]);
      return performance.now() - began;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
