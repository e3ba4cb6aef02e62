/** Brings the tables of each area to what its code knows, one transaction for each step. Refuses a file that knows more than the code. */
import type { DatabaseSync } from 'node:sqlite';
import { TuttiError } from '../../core/errors.ts';
import type { Area } from './area.ts';

const versionsTable =
  'CREATE TABLE IF NOT EXISTS store_areas (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT';

/**
 * All are looked at before the first is changed.
 * @throws {TuttiError} `CONFIG_INVALID` with both numbers, when a newer version has written the file; `STORE_FULL`.
 */
export function migrate(database: DatabaseSync, areas: readonly Area[]): void {
  database.exec(versionsTable);
  const found = new Map(areas.map(({ name }) => [name, versionOf(database, name)]));
  for (const { name, migrations } of areas) refuseNewer(name, found.get(name) ?? 0, migrations.length);
  for (const { name, migrations } of areas)
    for (const [index, sql] of migrations.entries())
      if (index >= (found.get(name) ?? 0)) apply(database, sql, { name, version: index + 1 });
  refuseLoose(database);
}

function versionOf(database: DatabaseSync, name: string): number {
  return Number(
    database.prepare('SELECT version FROM store_areas WHERE name = ?').get(name)?.['version'] ?? 0,
  );
}

function refuseNewer(area: string, found: number, known: number): void {
  if (found <= known) return;
  const message =
    `The store's area "${area}" is of version ${String(found)}, and this Tutti knows up to ${String(known)}: ` +
    'start the newer Tutti that wrote it, or put back a backup from before it';
  throw new TuttiError('CONFIG_INVALID', { message, area, found, known });
}

function apply(
  database: DatabaseSync,
  sql: string,
  { name, version }: { name: string; version: number },
): void {
  refuseHeld(database);
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(sql);
    database
      .prepare(
        'INSERT INTO store_areas VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version',
      )
      .run(name, version);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** What the redo log holds could not be committed. */
function refuseHeld(database: DatabaseSync): void {
  if (database.isTransaction) throw new TuttiError('STORE_FULL');
}

/** A table that takes text for a number gives it back as text. */
function refuseLoose(database: DatabaseSync): void {
  const loose = database
    .prepare(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
    )
    .get();
  if (loose !== undefined) throw new Error(`The table ${String(loose['name'])} is not STRICT`);
}
