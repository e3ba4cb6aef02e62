/** What is broken of the store; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const of =
  (file: string) =>
  (name: string): Pick<Mutant, 'tests' | 'name'> => ({ tests: [file], name });
const engine = of('tests/stores/sqlite/engine.test.ts');
const held = of('tests/stores/sqlite/held.test.ts');
const operations = of('tests/stores/sqlite/operations.test.ts');
const opening = of('tests/stores/sqlite/opening.test.ts');
const copies = of('tests/stores/sqlite/copies.test.ts');
const damage = of('tests/stores/sqlite/damage.test.ts');
const state = of('tests/stores/state/state-store.test.ts');
const kills = of('tests/faults/store-kills.test.ts');
const sync = of('tests/faults/store-sync.test.ts');
const disk = of('tests/faults/store-disk.test.ts');
const power = of('tests/faults/store-power.test.ts');

const commit = 'src/stores/sqlite/group-commit.ts';
const transaction = 'src/stores/sqlite/transaction.ts';
const running = 'src/stores/sqlite/mutation-run.ts';
const open = 'src/stores/sqlite/open-store.ts';
const settings = 'src/stores/sqlite/open-database.ts';
const remembered = 'src/stores/sqlite/operations.ts';
const line = 'src/stores/sqlite/commit-line.ts';
const area = 'src/stores/state/state-area.ts';

export const storeMutants: readonly Mutant[] = [
  {
    promise: 'store: what throws when it has written undoes itself, and nothing else',
    file: running,
    find: 'if (state.isTangled) return undefined;',
    replace: '',
    ...held('one that throws undoes itself only'),
  },
  {
    promise: 'store: run apart, what throws undoes itself',
    file: running,
    find: "          db.mark('ROLLBACK TO mutation');\n",
    replace: '',
    ...held('one that throws undoes itself only'),
  },
  {
    promise: 'store: what waits to be written is undone with what it is part of',
    file: running,
    find: '          db.discard();\n',
    replace: '',
    ...engine('goes with who inserted it'),
  },
  {
    promise: 'store: run apart, nothing is left of the first try',
    file: transaction,
    find: '    db.discard();\n    db.written = undefined;',
    replace: '    db.written = undefined;',
    ...engine('goes with who inserted it'),
  },
  {
    promise: 'store: who finds that a row of another cannot be written is no reason to keep the rest',
    file: 'src/stores/sqlite/statements.ts',
    find: '      this.runs += 1;\n      throw error;',
    replace: '      throw error;',
    ...engine('told to who inserted it'),
  },
  {
    promise: 'store: who reads sees what was inserted before',
    file: 'src/stores/sqlite/statements.ts',
    find: '  get(sql: string, ...values: StoreValue[]): StoreRow | undefined {\n    this.flush();\n',
    replace: '  get(sql: string, ...values: StoreValue[]): StoreRow | undefined {\n',
    ...engine('what arrives in one turn'),
  },
  {
    promise: 'store: an answer leaves after its commit',
    file: transaction,
    find: 'if (!isHeld) this.#commit(head);',
    replace: 'if (!isHeld) setTimeout(() => { this.#commit(head); }, 1);',
    ...sync('under load no answer leaves'),
  },
  {
    promise: 'store: an answer leaves after the sync of its log',
    file: settings,
    find: 'settle(database, durability);\n',
    replace: "settle(database, durability === 'FULL' ? 'NORMAL' : durability);\n",
    ...sync('under load no answer leaves'),
  },
  {
    promise: 'store: the power takes nothing that was answered',
    file: settings,
    find: 'settle(database, durability);\n',
    replace: "settle(database, durability === 'FULL' ? 'NORMAL' : durability);\n",
    ...power('the power goes'),
  },
  {
    promise: 'store: synchronous=FULL is read back',
    file: settings,
    find: "want('synchronous', number);",
    replace: 'void number;',
    ...opening('forgets synchronous'),
  },
  {
    promise: 'store: foreign keys are read back',
    file: settings,
    find: "want('foreign_keys', 1);",
    replace: '',
    ...opening('forgets foreign_keys'),
  },
  {
    promise: 'store: the log is bounded while work goes on',
    file: settings,
    find: 'const logPages = bounds.storeLogBytes / pageBytes;',
    replace: 'const logPages = 100 * bounds.storeLogBytes / pageBytes;',
    ...engine('the log is bounded while work goes on'),
  },
  {
    promise: 'store: a database of somebody else is left alone',
    file: settings,
    find: 'if (found !== applicationId && !isEmpty)',
    replace: 'if (found === undefined)',
    ...opening('a database of somebody else'),
  },
  {
    promise: 'store: the folder is synced with a new file in it',
    file: open,
    find: 'syncFolder(file);',
    replace: 'void syncFolder;',
    ...sync('the folder is synced'),
  },
  {
    promise: 'store: what a killed owner did not sync is synced before it is answered for',
    file: open,
    find: 'checkpoints.atOpening();',
    replace: 'void checkpoints;',
    ...sync('what a killed owner wrote'),
  },
  {
    promise: 'store: a log that was cut is noticed (F5)',
    file: open,
    find: 'acknowledged.check(head.commits);',
    replace: '',
    ...damage('whose tail was cut'),
  },
  {
    promise: 'store: the number of the last commit is kept with each',
    file: commit,
    find: 'if (isOnDisk) this.#needs.acknowledged.write(head.commits);',
    replace: '',
    ...damage('whose tail was cut'),
  },
  {
    promise: 'store: it has one owner',
    file: open,
    find: 'if (lock !== undefined) return lock;',
    replace: 'return lock ?? { release: () => undefined };',
    ...opening('a second owner'),
  },
  {
    promise: 'store: who asks for a lock that this process holds does not let go of it',
    file: 'src/os/lock.ts',
    find: 'if (held.has(path)) return undefined;',
    replace: '',
    ...opening('a second owner'),
  },
  {
    promise: 'store: an older Tutti changes nothing of a newer file',
    file: 'src/stores/sqlite/migrate.ts',
    find: 'if (found <= known) return;',
    replace: 'if (found >= 0) return;',
    ...opening('a file that a newer version'),
  },
  {
    promise: 'store: a migration is done with its number or not at all',
    file: 'src/stores/sqlite/migrate.ts',
    find: 'database.exec(sql);',
    replace: 'database.exec(`${sql}; COMMIT; BEGIN IMMEDIATE`);',
    ...kills('an owner killed within a migration'),
  },
  {
    promise: 'store: what arrives in one turn is one commit',
    file: line,
    find: 'if (bytes + next > bounds.storeCommitBytes) break;',
    replace: 'if (bytes + next >= 0) break;',
    ...engine('what arrives in one turn'),
  },
  {
    promise: 'store: no more than a thousand are one commit',
    file: line,
    find: 'Math.min(this.#waiting.length, bounds.storeCommit)',
    replace: 'this.#waiting.length',
    ...engine('no more than a thousand'),
  },
  {
    promise: 'store: what waits is bounded',
    file: line,
    find: 'if (isFull) throw',
    replace: 'if (isFull && bounds.storeWaiting < 0) throw',
    ...engine('what waits is bounded'),
  },
  {
    promise: 'store: who changes nothing waits for no disk',
    file: commit,
    find: 'if (db.changed === before)',
    replace: 'if (db.changed < before)',
    ...engine('who changes nothing'),
  },
  {
    promise: 'store: an operation that comes late is looked for',
    file: remembered,
    find: 'return number <= highest;',
    replace: 'return number < highest;',
    ...operations('a repeated operation changes nothing'),
  },
  {
    promise: 'store: nothing is to be done any more for one that is closed',
    file: 'src/stores/sqlite/commit-rhythm.ts',
    find: '    this.#syncTimer?.cancel();\n',
    replace: '',
    tests: ['tests/stores/sqlite/held'],
    name: 'came as the store was closed',
  },
  {
    promise: 'store: closing commits what was accepted',
    file: 'src/stores/sqlite/commit-rhythm.ts',
    find: 'while (this.#keeping !== undefined || (this.#line.length > 0 && !this.#needs.hasFailed())) {',
    replace:
      "this.#line.rejectAll(new TuttiError('STORE_CLOSED'));\n    while (this.#keeping !== undefined) {",
    ...engine('closing commits what was accepted'),
  },
  {
    promise: 'store: a log that cannot be emptied is bounded',
    file: 'src/stores/sqlite/checkpoints.ts',
    find: 'if (this.#isTooLong())',
    replace: 'if (this.logBytes < 0)',
    ...engine('a log that cannot be emptied'),
  },
  {
    promise: 'store: an area that cannot be swept holds up nobody',
    file: commit,
    find: "log.error('What has expired cannot be removed', { area: name, error });",
    replace: 'void log;\n        throw error;',
    ...engine('what has expired is swept'),
  },
  {
    promise: 'store: an operation is remembered with its answer',
    file: running,
    find: 'keepAnswer(db, { ...asked, answer, now: turn.now });',
    replace: 'void keepAnswer;',
    ...operations('a repeated operation changes nothing'),
  },
  {
    promise: 'store: an operation is remembered in the transaction of what it changed',
    file: running,
    find: 'keepAnswer(db, { ...asked, answer, now: turn.now });',
    replace:
      'const kept = { ...asked, answer, now: turn.now };\n      setImmediate(() => { keepAnswer(db, kept); });',
    ...kills('an owner killed at every write'),
  },
  {
    promise: 'store: a repeated operation gets the first typed error',
    file: remembered,
    find: "'error' in outcome ? errorText(outcome.error)",
    replace: "'error' in outcome ? (errorText, undefined)",
    ...operations('gets the first typed error'),
  },
  {
    promise: 'store: what may be answered otherwise a moment later is not kept',
    file: remembered,
    find: ' || error.retryable',
    replace: '',
    ...operations('what may be answered otherwise'),
  },
  {
    promise: 'store: the same operation with another question is refused',
    file: remembered,
    find: 'if (first !== hash)',
    replace: "if (first === '')",
    ...operations('the same operation with another question'),
  },
  {
    promise: 'store: old operations go as quickly as new ones come',
    file: commit,
    find: '2 * turn.remembered + forgetMore',
    replace: 'forgetMore',
    ...operations('under load the old ones'),
  },
  {
    promise: 'store: operations are bounded',
    file: remembered,
    find: 'totals.operations - bounds.storeOperations',
    replace: 'totals.operations - 1_000_000',
    ...operations('beyond the bound the oldest'),
  },
  {
    promise: 'store: a flipped bit is noticed when its row is read (F5)',
    file: 'src/stores/sqlite/checksum.ts',
    find: 'if (isSound(table, row)) return row;',
    replace: "if (row['checksum'] !== null) return row;",
    ...damage('a flipped bit of a row'),
  },
  {
    promise: 'store: a check looks at the checksum of every row',
    file: 'src/stores/sqlite/verify-copy.ts',
    find: 'if (!isSound(table, row))',
    replace: "if (isSound(table, row) && row['checksum'] === null)",
    ...damage('a flipped bit of a row'),
  },
  {
    promise: 'store: a row from before its long text was summed up apart is sound',
    file: 'src/stores/sqlite/checksum.ts',
    find: "sumOf(table, row, undefined) === row['checksum']",
    replace: 'table.name === undefined',
    ...of('tests/stores/sqlite/checksum.test.ts')('written as before'),
  },
  {
    promise: 'store: a long text is part of what is summed up',
    file: 'src/stores/sqlite/checksum.ts',
    find: "long === undefined ? '' : String(row[long])",
    replace: "long === undefined ? '' : ''",
    ...of('tests/stores/sqlite/checksum.test.ts')('written as now'),
  },
  {
    promise: 'store: each body goes to its own entry',
    file: 'src/mesh/store-change.ts',
    find: "if (!lines.areOver) throw refuse('a change of the store has more lines than it says');",
    replace: '',
    ...of('tests/mesh/store-change')('nobody gets the body of another'),
  },
  {
    promise: 'store: what is kept is handed over for whom it was kept',
    file: 'src/mesh/served-link.ts',
    find: 'this.#isKept(served) ? this.#keptContext(frame, input) : this.#contextOf(frame, envelope)',
    replace: 'this.#contextOf(frame, envelope)',
    ...of('tests/host/durable-events')('with its attempt and its id'),
  },
  {
    promise: 'store: what was kept and cannot be read costs nobody else anything',
    file: 'src/mesh/served-link.ts',
    find: 'if (!this.#isKept(served)) throw cause;',
    replace: 'throw cause;',
    ...of('tests/host/durable-events')('cannot be read'),
  },
  {
    promise: 'store: an older version does not take new rows for damaged',
    file: 'src/stores/event-log/event-tables.ts',
    find: '  newRows,\n',
    replace: '',
    ...of('tests/stores/event-positions')('an older version'),
  },
  {
    promise: 'store: a check looks at the structure',
    file: 'src/stores/sqlite/verify-copy.ts',
    find: "if (sentence !== 'ok') tell(sentence);",
    replace: "if (sentence === '') tell(sentence);",
    ...damage('an index that does not fit'),
  },
  {
    promise: 'store: a backup replaces no file',
    file: 'src/stores/sqlite/copy-store.ts',
    find: 'linkSync(temporary, to);',
    replace: 'rmSync(to, { force: true });\n    linkSync(temporary, to);',
    ...copies('a backup replaces no file'),
  },
  {
    promise: 'store: a copy waits for the commit that is under way',
    file: 'src/stores/sqlite/copy-store.ts',
    find: 'errcode !== 0) throw error',
    replace: 'errcode !== -1) throw error',
    ...copies('a copy that is begun while a commit is under way'),
  },
  {
    promise: 'store: the owner answers while a copy is made',
    file: 'src/stores/sqlite/copy-store.ts',
    find: 'rate: bounds.storeCopyPages',
    replace: 'rate: -1',
    ...copies('a backup is a store'),
  },
  {
    promise: 'store: after a full disk writes work again without a restart',
    file: transaction,
    find: "isTuttiError(known, 'STORE_FULL') || ",
    replace: '',
    ...disk('a full disk'),
  },
  {
    promise: 'store: it opens on a full disk',
    file: 'src/stores/sqlite/checkpoints.ts',
    find: "if (!isTuttiError(known, 'STORE_FULL')) throw known;",
    replace: "if (!isTuttiError(known, 'STORE_CLOSED')) throw known;",
    ...disk('a store opens on a full disk'),
  },
  {
    promise: 'store: after a failed sync nothing more is answered',
    file: transaction,
    find: '    this.#needs.fail(failure);\n    return failure;',
    replace: '    return failure;',
    ...sync('a commit whose sync fails'),
  },
  {
    promise: 'state: a version never comes again',
    file: area,
    find: 'version: before.version + 1,',
    replace: 'version: (found?.version ?? 0) + 1,',
    ...state('sqlite: a version never comes again'),
  },
  {
    promise: 'state: what has expired is absent for everybody',
    file: area,
    find: '(row.expires_at === null || row.expires_at > now)',
    replace: '(row.expires_at === null || row.expires_at >= now)',
    ...state('sqlite: a value is there until'),
  },
  {
    promise: 'state: a list is of its prefix only',
    file: area,
    find: "CAST(x'FF' AS TEXT)",
    replace: 'char(1114111)',
    ...state('sqlite: a list is in the order'),
  },
  {
    promise: 'state: it is bounded',
    file: area,
    find: 'refuseOverfull(before, after);',
    replace: 'void refuseOverfull;',
    ...state('sqlite: keys and bytes are bounded'),
  },
  {
    promise: 'state: over another version nothing is put',
    file: area,
    find: 'there?.version !== ifVersion',
    replace: 'there?.version === 0',
    ...state('sqlite: over another version'),
  },
];
