/** What is broken of the redo log of a store; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const place =
  (file: string, tests: string) =>
  (name: string): Pick<Mutant, 'file' | 'tests' | 'name'> => ({
    file: `src/stores/sqlite/${file}.ts`,
    tests: [`tests/${tests}.test.ts`],
    name,
  });
const log = place('redo-log', 'stores/sqlite/redo-log');
const commit = place('group-commit', 'stores/sqlite/held');
const transaction = place('transaction', 'stores/sqlite/held');
const opening = place('open-store', 'stores/sqlite/held');
const rhythm = place('commit-rhythm', 'stores/sqlite/held');
const copies = place('store-copies', 'stores/sqlite/held');
const again = place('redo-held', 'stores/sqlite/held');
const written = place('written', 'stores/sqlite/held');

export const redoMutants: readonly Mutant[] = [
  {
    promise: 'redo: that events were handled costs no sync of its own',
    file: 'src/services/store/event-ends.ts',
    find: ', isPatient: true }',
    replace: ' }',
    tests: ['tests/services/store/event-dispatcher.test.ts'],
    name: 'is written down by one change',
  },
  {
    promise: 'redo: no death of the owner takes what nobody waits for',
    find: 'if (!this.#write(this.#fd, this.#unsynced, more)) return false;',
    replace: '',
    ...place('redo-log', 'stores/sqlite/held')('outlives its owner'),
  },
  {
    promise: 'redo: what somebody waits for is synced with all that is before it',
    find: 'this.#write(this.#syncedFd, 0, this.#unsynced + more)',
    replace: 'this.#write(this.#syncedFd, this.#unsynced, more)',
    ...log('what may wait is written at once'),
  },
  {
    promise: 'redo: what nobody waits for costs no sync of its own',
    find: 'this.#write(this.#fd, this.#unsynced, more)',
    replace: 'this.#write(this.#syncedFd, this.#unsynced, more)',
    ...log('what may wait is written at once'),
  },
  {
    promise: 'redo: what may wait has a bound',
    find: 'if (this.#unsynced + most > this.#buffer.length && !this.sync()) return false;',
    replace: '',
    ...log('more than the longest record is not left'),
  },
  {
    promise: 'redo: what SQLite has is not synced once more',
    find: '    this.#end = 0;\n    this.#unsynced = 0;\n',
    replace: '    this.#end = 0;\n',
    ...log('more than the longest record is not left'),
  },
  {
    promise: 'redo: what was read is synced before anything goes behind it',
    find: '    fsyncSync(this.#fd);\n    const bytes',
    replace: '    const bytes',
    ...place('redo-log', 'faults/store-sync')('what a killed owner wrote and did not sync'),
  },
  {
    promise: 'redo: what nobody waits for the power may take for a moment only',
    find: '    this.#syncSoon();\n',
    replace: '',
    ...place('commit-rhythm', 'faults/store-power')('a moment later the power takes nothing'),
  },
  {
    promise: 'redo: what the power took was never there',
    find: 'if (isOnDisk) this.#needs',
    replace: 'this.#needs',
    ...commit('a killed owner leaves all'),
  },
  {
    promise: 'redo: a commit is as urgent as what is urgent in it',
    find: 'mutations.some(isUrgent)',
    replace: 'mutations.every(isUrgent)',
    ...commit('takes those before it along'),
  },
  {
    promise: 'redo: an answer leaves after the sync of its record',
    find: ' | (isSynced ? constants.O_DSYNC : 0)',
    replace: '',
    ...place('redo-log', 'faults/store-sync')('under load no answer leaves'),
  },
  {
    promise: 'redo: the power takes nothing that is held',
    find: ' | (isSynced ? constants.O_DSYNC : 0)',
    replace: '',
    ...place('redo-log', 'faults/store-power')('the power goes'),
  },
  {
    promise: 'redo: an answer leaves after its record was written',
    find: 'return this.#needs.redo?.append(number, written, isUrgent) === true;',
    replace: 'setTimeout(() => this.#needs.redo?.append(number, written, isUrgent), 1); return true;',
    ...place('transaction', 'faults/store-sync')('under load no answer leaves'),
  },
  {
    promise: 'redo: whether a record is kept whose sync failed nobody knows',
    find: "if (isTuttiError(storeError(error, this.#path), 'STORE_FULL')) return false;\n      throw error;",
    replace: 'return false;',
    ...place('redo-log', 'faults/store-sync')('a commit whose sync fails'),
  },
  {
    promise: 'redo: no room is not a failure',
    find: "if (isTuttiError(storeError(error, this.#path), 'STORE_FULL')) return false;",
    replace: '',
    ...log('a disk that has no room'),
  },
  {
    promise: 'redo: what lies there from before is not read',
    find: 'found === undefined || (last !== undefined && found.number !== last + 1)',
    replace: 'found === undefined',
    ...log('from the time before takes none'),
  },
  {
    promise: 'redo: a record that was changed is none',
    find: 'if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, end), this.#seed)) return undefined;',
    replace: '',
    ...log('a record that is cut or changed'),
  },
  {
    promise: 'redo: the records of another store are none',
    find: 'this.#seed = crc32(id);',
    replace: 'this.#seed = crc32(id.slice(0, 0));',
    ...log('beside another store'),
  },
  {
    promise: 'redo: what does not follow what is there is not made again',
    find: 'if (records[0]?.number !== after + 1) return [];',
    replace: 'if (records.length === 0) return [];',
    ...log('what SQLite has already'),
  },
  {
    promise: 'redo: what a damaged head does not tell is not guessed',
    find: 'return row && (checkedRow(headTable, row) as StoreRow & Head);',
    replace: 'return row as (StoreRow & Head) | undefined;',
    ...place('head', 'stores/sqlite/held')('does not know how far it is'),
  },
  {
    promise: 'redo: what SQLite has is not made again',
    find: 'if (last > after) records',
    replace: 'records',
    ...log('what was appended is there'),
  },
  {
    promise: 'redo: the file does not grow',
    find: 'if (this.#end + length > bounds.storeRedoBytes) return false;',
    replace: '',
    ...log('its file has one size'),
  },
  {
    promise: 'redo: the file has its size from the beginning',
    find: '      this.#fill();\n',
    replace: '',
    ...log('its file has one size'),
  },
  {
    promise: 'redo: what a killed owner held is made again',
    find: 'if (redo !== undefined) redoAtOpening({ file, database, redo, log });',
    replace: 'void redoAtOpening;',
    ...opening('what a killed owner held'),
  },
  {
    promise: 'redo: what was held is made again before the tables are changed',
    find: 'if (redo !== undefined) redoAtOpening({ file, database, redo, log });\n  migrate(database, areas);',
    replace:
      'migrate(database, areas);\n  if (redo !== undefined) redoAtOpening({ file, database, redo, log });',
    ...opening('before the tables are changed'),
  },
  {
    promise: 'redo: what is held belongs to its store',
    find: 'redo?.belongTo(head.id);',
    replace: '',
    ...opening('what a killed owner held'),
  },
  {
    promise: 'redo: on a full disk what was held is held on',
    find: "    if (database.isTransaction) database.exec('ROLLBACK');\n    redoHeld(db, redo);",
    replace: "    if (database.isTransaction) database.exec('ROLLBACK');",
    ...again('opened on a full disk'),
  },
  {
    promise: 'redo: the numbers and counts of a store go on from what is held',
    find: '  if (head !== undefined) writeHead(db, head);\n',
    replace: '',
    ...again('what a killed owner held'),
  },
  {
    promise: 'redo: what is undone takes nothing with it that is held',
    find: 'if (redo?.isHolding === true) this.#holdAgain(redo);',
    replace: '',
    ...transaction('one that throws undoes itself only'),
  },
  {
    promise: 'redo: what is held is made again whole, or the store does nothing more',
    find: 'if (head?.commits !== this.#head.commits)',
    replace: 'if (head === undefined)',
    ...transaction('cannot be made again as it was'),
  },
  {
    promise: 'redo: a store that cannot hold what it answered for does nothing more',
    find: '      this.#needs.fail(failure);\n      throw failure;',
    replace: '      throw failure;',
    ...transaction('cannot be made again as it was'),
  },
  {
    promise: 'redo: what was undone is forgotten by who counts',
    find: '    db.written = undefined;\n    this.#ended();',
    replace: '    db.written = undefined;',
    ...transaction('what was undone is in no count'),
  },
  {
    promise: 'redo: who counts looks again after a commit of SQLite',
    find: '      this.#end.run();\n      this.#ended();',
    replace: '      this.#end.run();',
    ...transaction('what is swept is in no count'),
  },
  {
    promise: 'redo: the log begins anew when SQLite has all of it',
    find: '      this.#needs.redo?.restart();\n',
    replace: '',
    ...transaction('when the redo log is full'),
  },
  {
    promise: 'redo: the head of what is held is written with its last commit',
    find: '      this.writeHead(head);\n',
    replace: '',
    ...transaction('when the redo log is full'),
  },
  {
    promise: 'redo: what is held goes to SQLite at the next look for what has expired',
    find: '      this.#needs.transaction.commitHeld();\n      return true;',
    replace: '      return true;',
    ...commit('when the redo log is full'),
  },
  {
    promise: 'redo: on a full disk small commits are taken while there is room for them',
    find: "if (!isTuttiError(error, 'STORE_FULL')) throw error;\n      this.#needs.log",
    replace: 'if (error !== undefined) throw error;\n      this.#needs.log',
    ...commit('on a full disk what is held stays'),
  },
  {
    promise: 'redo: what is held is in a copy',
    find: '    transaction.commitHeld();\n    transaction.mayHold = false;',
    replace: '    transaction.mayHold = false;',
    ...copies('a copy has what is held'),
  },
  {
    promise: 'redo: nothing is held while a copy is made',
    find: '    transaction.mayHold = false;\n',
    replace: '',
    ...copies('while a copy is made nothing is held'),
  },
  {
    promise: 'redo: a store that was closed is whole without its log',
    find: '      transaction.commitHeld();\n      redo?.clear();',
    replace: '      redo?.clear();',
    ...rhythm('when the redo log is full'),
  },
  {
    promise: 'redo: what is put in the place of a store that was closed gets nothing of it',
    find: '      redo?.clear();\n',
    replace: '',
    ...rhythm('in the place of a store that was closed'),
  },
  {
    promise: 'redo: what JSON cannot say is not held',
    find: "typeof value === 'string' || value === null || Number.isFinite(value)",
    replace: "typeof value !== 'object' || value === null",
    ...written('what JSON cannot say'),
  },
  {
    promise: 'redo: what finds other rows than at first is not made again',
    find: "if (run(texts[number] ?? '', ...values) !== changes)",
    replace: "if (run(texts[number] ?? '', ...values) > changes)",
    ...written('what does not find the rows'),
  },
];
