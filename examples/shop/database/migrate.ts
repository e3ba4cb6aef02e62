/**
 * Brings the tables of one service up to date, each step once, all or nothing. Any number of replicas may start at
 * once: one migrates, the others wait (SQLite: BEGIN IMMEDIATE; PostgreSQL: an advisory lock) and find it done.
 */
import type { ColumnDefinitionBuilder, Kysely, SchemaModule, Transaction } from 'kysely';
import { PostgresAdapter, sql } from 'kysely';

/** An id column as the database at hand wants it: `addColumn('id', id.type, id.build)`. */
export interface IdColumn {
  readonly type: 'integer' | 'bigint';
  readonly build: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder;
}

/** Name -> step, in order. A step that was released is never changed: add another. */
export type Migrations = Readonly<Record<string, (schema: SchemaModule, id: IdColumn) => Promise<void>>>;

interface MigrationTable {
  migrations: { name: string };
}

/** Not AUTOINCREMENT: nothing is ever deleted here, and a refused insert would leave a gap. */
const sqliteId: IdColumn = { type: 'integer', build: (column) => column.primaryKey() };
const postgresId: IdColumn = {
  type: 'bigint',
  build: (column) => column.primaryKey().generatedAlwaysAsIdentity(),
};

async function lockAndMakeSchema(transaction: Transaction<MigrationTable>, schema: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`migrate ${schema}`}, 0))`.execute(transaction);
  await transaction.schema.createSchema(schema).ifNotExists().execute();
}

export async function migrate<Tables>(
  database: Kysely<Tables>,
  { schema, migrations }: { readonly schema: string; readonly migrations: Migrations },
): Promise<void> {
  const isPostgres = database.getExecutor().adapter instanceof PostgresAdapter;
  const own = database as unknown as Kysely<MigrationTable>;
  await own.transaction().execute(async (transaction) => {
    if (isPostgres) await lockAndMakeSchema(transaction, schema);
    const table = transaction.schema.createTable('migrations').ifNotExists();
    await table.addColumn('name', 'text', (column) => column.primaryKey()).execute();
    const done = new Set(
      (await transaction.selectFrom('migrations').select('name').execute()).map(({ name }) => name),
    );
    for (const [name, step] of Object.entries(migrations)) {
      if (done.has(name)) continue;
      await step(transaction.schema, isPostgres ? postgresId : sqliteId);
      await transaction.insertInto('migrations').values({ name }).execute();
    }
  });
}
