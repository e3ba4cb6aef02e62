/**
 * Kysely on PostgreSQL. Used by open-database.ts, which imports it only when a URL asks for it.
 * Refuses a server that acknowledges what it has not written (`synchronous_commit = off`).
 */
import type { DatabaseConnection, PostgresPool } from 'kysely';
import { CompiledQuery, PostgresDialect } from 'kysely';
import pg from 'pg';
import { TuttiError } from 'tutti';

// Ids are bigint there and numbers here; beyond 2^53 nothing is let in (services/fields.ts).
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

async function refuseLazyCommits(connection: DatabaseConnection): Promise<void> {
  const { rows } = await connection.executeQuery(CompiledQuery.raw('show synchronous_commit'));
  const [row] = rows as { synchronous_commit: string }[];
  if (row?.synchronous_commit !== 'off') return;
  throw new TuttiError('CONFIG_INVALID', {
    message:
      'synchronous_commit is off for this database: an order that was acknowledged could be lost. Turn it on.',
  });
}

/** Nothing was asked of a database that could not be reached, so the same call may be made again. */
const unreachable = (cause: unknown): never => {
  throw new TuttiError('OVERLOADED', { message: 'The database does not answer' }, { cause });
};

/** `onLost` hears of connections that broke while nobody used them; the pool opens others. */
export function openPostgres(url: string, onLost: (error: Error) => void): PostgresDialect {
  const pool = new pg.Pool({
    connectionString: url,
    max: 5,
    connectionTimeoutMillis: 3_000,
    statement_timeout: 5_000,
    query_timeout: 6_000,
  });
  // Without a listener such a loss would end the process.
  pool.on('error', onLost);
  const tellingPool: PostgresPool = {
    connect: () => pool.connect().catch(unreachable),
    end: () => pool.end(),
    options: pool.options,
  };
  return new PostgresDialect({ pool: tellingPool, onCreateConnection: refuseLazyCommits });
}
