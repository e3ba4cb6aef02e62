/** Writes down how something ended, as often as it takes. */
import { isTuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log } from '../../define/handling.ts';
import type { LateRequest } from '../../stores/sqlite/area.ts';
import type { Store } from '../../stores/sqlite/store.ts';

export interface SettleNeeds {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Between two tries. */
const againMs = 500;

/** Undefined: the store is gone, and whoever comes after us knows nothing of it. */
export async function settle(
  { store, clock, log }: SettleNeeds,
  request: LateRequest,
  about: object,
): Promise<unknown> {
  for (;;) {
    try {
      return await store.mutateLate(request);
    } catch (error) {
      if (isTuttiError(error, 'STORE_CLOSED') || store.failure !== undefined) return undefined;
      log.error('How a delivery ended cannot be written down now', { ...about, error });
      await new Promise<void>((done) => {
        clock.after(againMs, done);
      });
    }
  }
}
