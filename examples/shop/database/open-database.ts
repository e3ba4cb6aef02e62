/**
 * Opens the database of one service, SQLite or PostgreSQL as the URL says, and brings its tables up to date.
 * Used by the stores beside it. Above this file nobody knows which of the two it is.
 */
import type { Dialect } from 'kysely';
import { Kysely, sql } from 'kysely';
import type { Migrations } from './migrate.ts';
import { migrate } from './migrate.ts';
import { openSqlite } from './sqlite-dialect.ts';

/** The part of a service's log that is used here. */
export interface Log {
  warn(sentence: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface DatabaseNeeds {
  /** `sqlite:FILE` or `postgres://…` */
  readonly url: string;
  /** PostgreSQL: the schema its tables are in. SQLite: each service has a file of its own. */
  readonly schema: string;
  readonly migrations: Migrations;
  readonly log: Log;
}

async function dialectFor(url: string, log: Log): Promise<Dialect> {
  if (url.startsWith('sqlite:')) return openSqlite(url.slice('sqlite:'.length));
  // Imported here: who stays with SQLite never loads pg.
  const { openPostgres } = await import('./postgres-dialect.ts');
  return openPostgres(url, ({ message }) => {
    log.warn('A connection to the database was lost', { error: message });
  });
}

/** The caller closes it: `destroy()`. */
export async function openDatabase<Tables>(needs: DatabaseNeeds): Promise<Kysely<Tables>> {
  const { url, schema, migrations, log } = needs;
  const database = new Kysely<Tables>({ dialect: await dialectFor(url, log) });
  const own = url.startsWith('sqlite:') ? database : database.withSchema(schema);
  try {
    await migrate(own, { schema, migrations });
    return own;
  } catch (error) {
    await database.destroy();
    throw error;
  }
}

/** For `check` of a service: throws when the database does not answer. */
export async function ping<Tables>(database: Kysely<Tables>): Promise<boolean> {
  await sql`select 1`.execute(database);
  return true;
}
