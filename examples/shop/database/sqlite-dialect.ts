/**
 * Kysely on `node:sqlite`. Every commit is on the disk before it is answered (WAL, synchronous=FULL), and several
 * processes may write: transactions begin IMMEDIATE, and a busy file is waited for, then `OVERLOADED`.
 * Used by open-database.ts. Refuses a file that cannot be had in WAL mode (some network file systems).
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import type { DatabaseConnection, SqliteDatabase, SqliteStatement } from 'kysely';
import { CompiledQuery, SqliteDialect, SqliteDriver } from 'kysely';
import { TuttiError } from 'tutti';

/** Less than the deadline of a call (5 s), so that a busy database has a name of its own. */
const busyMs = 2_000;
const statementLimit = 100;
const sqliteBusy = 5;

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === sqliteBusy;

/**
 * Repeats what found the file locked. SQLite's own waiting would block the process, up to 100 ms at a time, and lets the
 * unlucky starve: with three replicas writing as fast as they can, 5 of 4,500 writes failed after 1.5 s.
 */
async function patiently<T>(deed: () => T | Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + busyMs;
  for (;;) {
    try {
      return await deed();
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (performance.now() > giveUpAt)
        throw new TuttiError('OVERLOADED', { message: 'The database is busy' }, { cause: error });
      await pause(1 + Math.random() * 4);
    }
  }
}

function adapted(statement: StatementSync): SqliteStatement {
  const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}

/** Keeps prepared statements: parsing costs more than most of them take. */
function withStatements(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => {
      database.close();
    },
    prepare(sql) {
      const known = prepared.get(sql);
      if (known !== undefined) return known;
      const statement = adapted(database.prepare(sql));
      if (prepared.size >= statementLimit) prepared.clear();
      prepared.set(sql, statement);
      return statement;
    },
  };
}

async function makeDurable(database: DatabaseSync): Promise<void> {
  await patiently(() => {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  });
  const mode = database.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
  const synchronous = database.prepare('PRAGMA synchronous').get()?.['synchronous'];
  if (mode === 'wal' && synchronous === 2) return;
  const found = `journal_mode is ${String(mode)}, synchronous is ${String(synchronous)}`;
  throw new TuttiError('CONFIG_INVALID', {
    message: `The database must be in WAL mode with synchronous=FULL, but ${found}. Put it on a local disk.`,
  });
}

class PatientDriver extends SqliteDriver {
  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection();
    return {
      executeQuery: (query) => patiently(() => connection.executeQuery(query)),
      streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
    };
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}

class NodeSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): SqliteDriver {
    return new PatientDriver({ database: this.#database });
  }
}

/** Makes the folder and the file where they are missing. */
export async function openSqlite(file: string): Promise<SqliteDialect> {
  mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    await makeDurable(database);
  } catch (error) {
    database.close();
    throw error;
  }
  return new NodeSqliteDialect(withStatements(database));
}
