/** A store that is kept in PostgreSQL: one row per commit, and the copies in parts. It has the tables made when they are missing. */
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type {
  Appended,
  ChangeLog,
  EngineNeeds,
  EngineReport,
  KeptCopy,
  LogRecord,
  OtherOwner,
  Owner,
} from './change-log.ts';
import { postgresReport } from './postgres-report.ts';

/** EXTERNAL: nothing is compressed, which would cost more than the rest of a commit. */
const tables = `
  CREATE TABLE IF NOT EXISTS tutti_store_owners (
    store text PRIMARY KEY, claim text NOT NULL, seat text NOT NULL, label text NOT NULL, heard_at timestamptz NOT NULL
  );
  CREATE TABLE IF NOT EXISTS tutti_store_log (
    store text NOT NULL, number bigint NOT NULL, changes bytea NOT NULL, PRIMARY KEY (store, number)
  );
  ALTER TABLE tutti_store_log ALTER COLUMN changes SET STORAGE EXTERNAL;
  CREATE TABLE IF NOT EXISTS tutti_store_copies (
    store text PRIMARY KEY, number bigint NOT NULL, checksum bigint NOT NULL
  );
  CREATE TABLE IF NOT EXISTS tutti_store_parts (
    store text NOT NULL, number bigint NOT NULL, part integer NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (store, number, part)
  );
  ALTER TABLE tutti_store_parts ALTER COLUMN bytes SET STORAGE EXTERNAL;`;
/** Any number, the same in all versions: two that make the tables at once would hinder each other. */
const tablesLock = 7_483_001;

const last = `greatest(
  (SELECT max(number) FROM tutti_store_log WHERE store = $1), (SELECT number FROM tutti_store_copies WHERE store = $1))`;
const appendSql = `INSERT INTO tutti_store_log (store, number, changes)
  SELECT $1, $2::bigint, $3 WHERE ${last} = $2::bigint - 1 ON CONFLICT DO NOTHING`;
const lookSql = `SELECT ${last} AS last,
  (SELECT changes = $3 FROM tutti_store_log WHERE store = $1 AND number = $2::bigint) AS same`;
const sinceHeard = '(extract(epoch FROM clock_timestamp() - heard_at) * 1000)';
const claimSql = `INSERT INTO tutti_store_owners VALUES ($1, $2, $3, $4, clock_timestamp())
  ON CONFLICT (store) DO UPDATE SET claim = $2, seat = $3, label = $4, heard_at = clock_timestamp()
  WHERE tutti_store_owners.seat = $3 OR ${sinceHeard.replace('heard_at', 'tutti_store_owners.heard_at')} > $5`;
const otherSql = `SELECT label, ${sinceHeard}::float8 AS ms FROM tutti_store_owners WHERE store = $1`;
const renewSql = `INSERT INTO tutti_store_owners VALUES ($1, $2, $3, $4, clock_timestamp())
  ON CONFLICT (store) DO UPDATE SET heard_at = clock_timestamp() WHERE tutti_store_owners.claim = $2`;
const releaseSql = 'DELETE FROM tutti_store_owners WHERE store = $1 AND claim = $2';
const readSql =
  'SELECT number, changes FROM tutti_store_log WHERE store = $1 AND number > $2 ORDER BY number LIMIT $3';
const partSql = 'SELECT bytes FROM tutti_store_parts WHERE store = $1 AND number = $2 AND part = $3';
const putPartSql = 'INSERT INTO tutti_store_parts VALUES ($1, $2, $3, $4)';
const publishSql = `INSERT INTO tutti_store_copies VALUES ($1, $2, $3)
  ON CONFLICT (store) DO UPDATE SET number = excluded.number, checksum = excluded.checksum
  WHERE tutti_store_copies.number < excluded.number`;

/** At work for one store at a time: commits, its lease, and a copy. */
const connections = 3;
const recordsAtOnce = 32;
/** Of one request, ms. A commit that takes longer is asked for again. */
const requestMs = 5_000;
/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const diskFull = '53100';

class PostgresChangeLog implements ChangeLog {
  readonly #pool: Pool;
  readonly #name: string;
  readonly place: string;
  #closed: Promise<void> | undefined;

  constructor(pool: Pool, { name, place }: Omit<EngineNeeds, 'url'>) {
    this.#pool = pool;
    this.#name = name;
    this.place = place;
  }

  async open(): Promise<void> {
    const found = await this.#rows<{ missing: boolean }>(
      "SELECT to_regclass('tutti_store_parts') IS NULL AS missing",
    );
    if (found[0]?.missing !== true) return;
    await this.#pool.query(`SELECT pg_advisory_xact_lock(${String(tablesLock)}); ${tables}`);
  }

  report(): Promise<EngineReport> {
    return postgresReport(this.#pool, this.place);
  }

  async claim({ claim, seat, label }: Owner): Promise<OtherOwner | undefined> {
    const { storeLeaseMs } = bounds;
    if ((await this.#run(claimSql, claim, seat, label, storeLeaseMs)) > 0) return undefined;
    const [other] = await this.#rows<{ label: string; ms: number }>(otherSql, this.#name);
    // Gone since: whoever asks again gets it.
    return { label: other?.label ?? 'an owner that has just ended', heardMsAgo: Math.round(other?.ms ?? 0) };
  }

  async renew({ claim, seat, label }: Owner): Promise<boolean> {
    return (await this.#run(renewSql, claim, seat, label)) > 0;
  }

  async release({ claim }: Owner): Promise<void> {
    await this.#run(releaseSql, claim);
  }

  async copy(): Promise<KeptCopy | undefined> {
    const sql = 'SELECT number, checksum FROM tutti_store_copies WHERE store = $1';
    const [found] = await this.#rows<{ number: string; checksum: string }>(sql, this.#name);
    if (found === undefined) return undefined;
    const number = Number(found.number);
    return { number, checksum: Number(found.checksum), parts: this.#parts(number) };
  }

  async read(after: number): Promise<readonly LogRecord[]> {
    const rows = await this.#rows<{ number: string; changes: Buffer }>(
      readSql,
      this.#name,
      after,
      recordsAtOnce,
    );
    return rows.map(({ number, changes }) => ({ number: Number(number), bytes: changes }));
  }

  async append({ number, bytes }: LogRecord): Promise<Appended> {
    const changes = Buffer.from(bytes);
    try {
      // By its name: it is parsed and planned once for each connection.
      const appending = { name: 'append', text: appendSql, values: [this.#name, number, changes] };
      if (((await this.#pool.query(appending)).rowCount ?? 0) > 0) return 'kept';
    } catch (error) {
      if ((error as { readonly code?: string }).code === diskFull) return 'full';
      throw error;
    }
    const [found] = await this.#rows<{ last: string | null; same: boolean | null }>(
      lookSql,
      this.#name,
      number,
      changes,
    );
    if (found?.same === true) return 'kept';
    return Number(found?.last ?? -1) >= number ? 'taken' : 'gap';
  }

  async putCopy({ number, checksum, parts }: KeptCopy): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await this.#publish(client, { number, checksum, parts });
      await client.query('COMMIT');
      client.release();
    } catch (error) {
      // Whatever it was in the middle of ends with it.
      client.release(true);
      throw error;
    }
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#pool.end());
  }

  async #publish(client: PoolClient, { number, checksum, parts }: KeptCopy): Promise<void> {
    await client.query('DELETE FROM tutti_store_parts WHERE store = $1', [this.#name]);
    let part = 0;
    for await (const bytes of parts) {
      await client.query(putPartSql, [this.#name, number, part, Buffer.from(bytes)]);
      part += 1;
    }
    const { rowCount } = await client.query(publishSql, [this.#name, number, checksum]);
    if (rowCount === 0) throw new TuttiError('CONFLICT', { what: `A copy as new as ${String(number)}` });
    await client.query('DELETE FROM tutti_store_log WHERE store = $1 AND number <= $2', [this.#name, number]);
  }

  async *#parts(number: number): AsyncGenerator<Uint8Array> {
    for (let part = 0; ; part += 1) {
      const [found] = await this.#rows<{ bytes: Buffer }>(partSql, this.#name, number, part);
      if (found === undefined) return;
      yield found.bytes;
    }
  }

  async #run(sql: string, ...values: readonly unknown[]): Promise<number> {
    return (await this.#pool.query(sql, [this.#name, ...values])).rowCount ?? 0;
  }

  async #rows<R extends QueryResultRow>(sql: string, ...values: readonly unknown[]): Promise<R[]> {
    return (await this.#pool.query<R>(sql, [...values])).rows;
  }
}

/** Some settings of a server or a user would acknowledge before anything is on disk. */
const believeNoAck =
  "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/** The package is the user's to install: an app without PostgreSQL has none of it. */
export async function makePostgresChangeLog({ url, ...needs }: EngineNeeds): Promise<ChangeLog> {
  const { default: pg } = await import('pg').catch((cause: unknown) => {
    throw new TuttiError(
      'CONFIG_INVALID',
      { message: 'A store in PostgreSQL needs the package pg: npm install pg' },
      { cause },
    );
  });
  const pool = new pg.Pool({
    connectionString: url,
    application_name: `tutti store ${needs.name}`,
    max: connections,
    connectionTimeoutMillis: requestMs,
    query_timeout: requestMs,
    keepAlive: true,
    // Its types do not know that it waits for a promise.
    onConnect: (client) => {
      // One that is lost between two requests says so to nobody else.
      client.on('error', () => undefined);
      return client.query(believeNoAck) as unknown;
    },
  });
  // Told by the request that fails.
  pool.on('error', () => undefined);
  return new PostgresChangeLog(pool, needs);
}
