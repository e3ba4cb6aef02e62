/** The driver for a URL. */
import type { StoreEngine } from '../../core/store-url.ts';
import type { ChangeLog, EngineNeeds } from './change-log.ts';
import { makePostgresChangeLog } from './postgres-change-log.ts';
import { makeRedisChangeLog } from './redis-change-log.ts';

const drivers = {
  redis: makeRedisChangeLog,
  postgres: makePostgresChangeLog,
} as const satisfies Record<Exclude<StoreEngine, 'sqlite'>, (needs: EngineNeeds) => Promise<ChangeLog>>;

export interface Kept {
  readonly engine: keyof typeof drivers;
  /** May hold a password: never written anywhere. */
  readonly url: string;
  /** Of the store. */
  readonly name: string;
}

export const makeChangeLog = ({ engine, url, name }: Kept): Promise<ChangeLog> =>
  drivers[engine]({ url, name, place: new URL(url).host || 'localhost' });
