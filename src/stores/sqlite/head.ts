/** What a store knows of itself: one row, written with every commit. The engine's own tables live in the area `store`. */
import { randomUUID } from 'node:crypto';
import { checkedRow, checksumOf } from './checksum.ts';
import type { Area, CheckedTable, StoreReader, StoreRow, StoreWriter } from './area.ts';
import { operationsTable } from './operations.ts';

export interface Head {
  /** Of the file and its copies. */
  readonly id: string;
  readonly commits: number;
  /** The store's clock at the last of them. */
  readonly time: number;
  /** How many operations are remembered, and the bytes of their answers. */
  readonly operations: number;
  readonly operation_bytes: number;
}

const headTable: CheckedTable = {
  name: 'store_head',
  key: ['one'],
  content: ['id', 'commits', 'time', 'operations', 'operation_bytes'],
};

export const ownArea: Area = {
  name: 'store',
  migrations: [
    `CREATE TABLE store_head (
       one INTEGER PRIMARY KEY CHECK (one = 1),
       id TEXT NOT NULL,
       commits INTEGER NOT NULL,
       time INTEGER NOT NULL,
       operations INTEGER NOT NULL,
       operation_bytes INTEGER NOT NULL,
       checksum INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE store_operations (
       place INTEGER PRIMARY KEY,
       instance TEXT NOT NULL,
       epoch INTEGER NOT NULL,
       number INTEGER NOT NULL,
       hash TEXT NOT NULL,
       answer TEXT NOT NULL,
       kept_until INTEGER NOT NULL,
       checksum INTEGER NOT NULL,
       UNIQUE (instance, epoch, number)
     ) STRICT;`,
  ],
  tables: [headTable, operationsTable],
  mutations: {
    /** A commit that changes nothing else: where commits are kept elsewhere, it ends what an earlier owner can do. */
    take: (db) => db.run('UPDATE store_head SET time = time'),
  },
  queries: {},
};

/** Undefined: the store is new, and may have no tables yet. @throws {TuttiError} `STORE_CORRUPT`. */
export function findHead(db: StoreReader): Head | undefined {
  if (db.get("SELECT 1 FROM sqlite_schema WHERE name = 'store_head'") === undefined) return undefined;
  const row = db.get('SELECT * FROM store_head');
  return row && (checkedRow(headTable, row) as StoreRow & Head);
}

/** @throws {TuttiError} `STORE_CORRUPT`. */
export function readHead(db: StoreWriter): Head {
  const found = findHead(db);
  if (found !== undefined) return found;
  const head: Head = { id: randomUUID(), commits: 0, time: 0, operations: 0, operation_bytes: 0 };
  db.run(
    'INSERT INTO store_head VALUES (1, ?, 0, 0, 0, 0, ?)',
    head.id,
    checksumOf(headTable, { one: 1, ...head }),
  );
  return head;
}

export function writeHead(db: StoreWriter, head: Head): void {
  db.run(
    'UPDATE store_head SET commits = ?, time = ?, operations = ?, operation_bytes = ?, checksum = ?',
    head.commits,
    head.time,
    head.operations,
    head.operation_bytes,
    checksumOf(headTable, { one: 1, ...head }),
  );
}
