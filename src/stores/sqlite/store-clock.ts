/**
 * The clock of durable work, epoch milliseconds: the wall clock at opening, then monotonic, so that nobody who sets the clock makes anything due. Where the
 * wall clock is somewhat behind what the store has seen it goes on from there; where it is far behind, what was seen is not believed.
 */
import type { Clock } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** More than clocks are set back by whoever keeps them right. */
const believedMs = 3_600_000;

/** @param lastMs what it showed at the last commit. */
export function storeClock(clock: Clock, lastMs: number, log: Logger): () => number {
  const wall = clock.wall();
  const isBelieved = lastMs - wall <= believedMs;
  if (!isBelieved) log.warn('The clock was set back since the store was last written', { lastMs, wall });
  const difference = (isBelieved ? Math.max(wall, lastMs) : wall) - clock.now();
  return () => Math.floor(clock.now() + difference);
}
