/** What an acknowledgement of a PostgreSQL is worth, by its settings: https://www.postgresql.org/docs/current/runtime-config-wal.html */
import type { Pool } from 'pg';
import type { AckClass } from '../../core/ack-class.ts';
import { TuttiError } from '../../core/errors.ts';
import type { EngineReport } from './change-log.ts';

interface PostgresSettings {
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly synchronous_standby_names: string;
}

/** Pure. */
export function postgresAck(settings: PostgresSettings): { ack: AckClass; because: string } {
  const { synchronous_commit: commit, synchronous_standby_names: standby } = settings;
  if (commit === 'off') return { ack: 'memory', because: 'synchronous_commit is off' };
  if (settings.fsync !== 'on') return { ack: 'process', because: 'fsync is off' };
  if (settings.full_page_writes !== 'on') return { ack: 'process', because: 'full_page_writes is off' };
  const waits = commit === 'on' || commit === 'remote_apply';
  if (standby === '' || !waits) return { ack: 'disk', because: `fsync, and synchronous_commit ${commit}` };
  return { ack: 'replicated', because: `synchronous_commit ${commit}, and a synchronous standby` };
}

const settingsSql = `SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
  current_setting('synchronous_commit') AS synchronous_commit, current_setting('synchronous_standby_names') AS synchronous_standby_names,
  current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
  current_database() AS database, pg_is_in_recovery() AS standby`;

interface Found extends PostgresSettings {
  readonly version: string;
  readonly number: number;
  readonly database: string;
  readonly standby: boolean;
}

export async function postgresReport(pool: Pool, place: string): Promise<EngineReport> {
  const [found] = (await pool.query<Found>(settingsSql)).rows;
  if (found === undefined)
    throw new TuttiError('STORE_UNREACHABLE', { reason: 'PostgreSQL tells no settings' });
  if (found.number < 120_000)
    throw new TuttiError('CONFIG_INVALID', {
      message: `A store needs PostgreSQL 12, and this is ${found.version}`,
    });
  if (found.standby)
    throw new TuttiError('STORE_UNREACHABLE', {
      reason: 'this PostgreSQL is a standby, and takes no changes',
    });
  const [version] = found.version.split(' ');
  return {
    engine: `PostgreSQL ${String(version)} at ${place}, database ${found.database}`,
    ...postgresAck(found),
  };
}
