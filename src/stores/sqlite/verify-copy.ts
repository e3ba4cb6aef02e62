/** The thread in which a copy of a store is checked; tells one report and ends. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { bounds } from '../../core/bounds.ts';
import type { CheckedTable, StoreRow } from './area.ts';
import { isSound, placeOf } from './checksum.ts';
import type { CopyToCheck, StoreReport } from './verify-store.ts';

const { path, tables } = workerData as CopyToCheck;
const problems: string[] = [];
let problemCount = 0;
let rows = 0;

function tell(problem: string): void {
  problemCount += 1;
  if (problems.length < bounds.storeProblems) problems.push(problem);
}

/** A file that is damaged badly enough ends a check early; what the others find is told all the same. */
function guarded(what: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    tell(`${what} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function checkStructure(database: DatabaseSync): void {
  for (const found of database.prepare(`PRAGMA integrity_check(${String(bounds.storeProblems)})`).iterate()) {
    const sentence = String(found['integrity_check']);
    if (sentence !== 'ok') tell(sentence);
  }
}

function checkForeignKeys(database: DatabaseSync): void {
  for (const { table, rowid, parent } of database.prepare('PRAGMA foreign_key_check').iterate())
    tell(`the row ${String(rowid)} of ${String(table)} names one of ${String(parent)} that is not there`);
}

function checkRows(database: DatabaseSync, table: CheckedTable): void {
  for (const row of database.prepare(`SELECT * FROM ${table.name}`).iterate() as Iterable<StoreRow>) {
    rows += 1;
    if (!isSound(table, row)) tell(`${placeOf(table, row)} is not as it was written`);
  }
}

const database = new DatabaseSync(path);
guarded('the structure', () => {
  checkStructure(database);
});
guarded('the foreign keys', () => {
  checkForeignKeys(database);
});
for (const table of tables)
  guarded(table.name, () => {
    checkRows(database, table);
  });
database.close();
const report: StoreReport = { isSound: problemCount === 0, problems, problemCount, rows };
parentPort?.postMessage(report);
