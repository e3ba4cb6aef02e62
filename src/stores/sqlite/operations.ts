/**
 * What was answered to which operation: a call that is repeated because its answer was lost changes nothing, and gets the first answer. Kept in the same
 * transaction as what the operation changed. The oldest go with the commits that bring new ones, never more than a few at once.
 */
import { hash } from 'node:crypto';
import { bounds } from '../../core/bounds.ts';
import type { WireError } from '../../core/errors.ts';
import { TuttiError, fromWire, toWire } from '../../core/errors.ts';
import type { CheckedTable, MutateRequest, Operation, StoreRow, StoreWriter } from './area.ts';
import { checkedRow, checksumOf } from './checksum.ts';

/** How a mutation ended. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** How many there are, and the bytes of their answers. */
export interface OperationTotals {
  readonly operations: number;
  readonly operation_bytes: number;
}

export const operationsTable: CheckedTable = {
  name: 'store_operations',
  key: ['instance', 'epoch', 'number'],
  content: ['hash', 'answer', 'kept_until'],
};

const identityChars = 256;
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** @throws {TuttiError} `INVALID_INPUT`. */
export function refuseUnfit({ instance, epoch, number }: Operation): void {
  const isName = typeof instance === 'string' && instance.isWellFormed() && instance.length <= identityChars;
  if (isName && instance !== '' && isCount(epoch) && isCount(number)) return;
  const message = 'An operation is a name of at most 256 characters and two whole numbers from 0';
  throw new TuttiError('INVALID_INPUT', { message });
}

/** The types of TypeScript know nothing of `undefined`. */
const json: (value: unknown) => string | undefined = JSON.stringify;

function textOf(input: unknown): string {
  try {
    return json(input) ?? '';
  } catch (cause) {
    throw new TuttiError('INVALID_INPUT', { message: 'The input of a mutation is JSON' }, { cause });
  }
}

/** What was asked for: its size counts, and an operation that is asked for again is compared by it. */
export const askedText = ({ area, name, input, bytes }: MutateRequest): string | Uint8Array =>
  bytes ?? `${area}.${name} ${textOf(input)}`;

export const hashOf = (asked: string | Uint8Array): string => hash('sha256', asked, 'base64url');

/** The highest number that each process ever gave an operation: one that is higher was never asked for, and is not looked for. */
export class HighestOperations {
  readonly #highest = new Map<string, number>();
  readonly #db: StoreWriter;

  constructor(db: StoreWriter) {
    this.#db = db;
  }

  /** Whether it may be there. What becomes of it is no matter: from now on it may be. */
  mayBeKnown({ instance, epoch, number }: Operation): boolean {
    const who = `${String(epoch)} ${instance}`;
    const highest = this.#highest.get(who) ?? this.#stored(instance, epoch);
    if (number > highest) this.#keep(who, number);
    return number <= highest;
  }

  #keep(who: string, number: number): void {
    this.#highest.set(who, number);
    if (this.#highest.size <= bounds.storeClients) return;
    for (const oldest of this.#highest.keys()) {
      this.#highest.delete(oldest);
      return;
    }
  }

  #stored(instance: string, epoch: number): number {
    const sql = 'SELECT max(number) AS number FROM store_operations WHERE instance = ? AND epoch = ?';
    return Number(this.#db.get(sql, instance, epoch)?.['number'] ?? -1);
  }
}

/** Undefined: it is new. @throws {TuttiError} `CONFLICT` when the same operation asked for something else. */
export function findAnswer(db: StoreWriter, operation: Operation, hash: string): Outcome | undefined {
  const { instance, epoch, number } = operation;
  const row = db.get(
    'SELECT * FROM store_operations WHERE instance = ? AND epoch = ? AND number = ?',
    instance,
    epoch,
    number,
  );
  if (row === undefined) return undefined;
  const { hash: first, answer } = checkedRow(operationsTable, row) as StoreRow &
    Record<'hash' | 'answer', string>;
  if (first !== hash)
    throw new TuttiError('CONFLICT', {
      what: `The operation ${instance}@${String(epoch)}:${String(number)}`,
    });
  const { value, error } = JSON.parse(answer) as { readonly value?: unknown; readonly error?: WireError };
  return error === undefined ? { value } : { error: fromWire(error) };
}

/**
 * Undefined: this is not kept, since the same question may be answered otherwise a moment later.
 * @throws {TuttiError} `PAYLOAD_TOO_LARGE`.
 */
export function answerText(outcome: Outcome): string | undefined {
  const text = 'error' in outcome ? errorText(outcome.error) : JSON.stringify({ value: outcome.value });
  if (text !== undefined && Buffer.byteLength(text) > bounds.storeAnswerBytes)
    throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.storeAnswerBytes });
  return text;
}

function errorText(error: unknown): string | undefined {
  if (!(error instanceof TuttiError) || error.retryable) return undefined;
  return JSON.stringify({ error: { ...toWire(error), stack: undefined } });
}

export interface Answered {
  readonly operation: Operation;
  readonly hash: string;
  readonly answer: string;
  readonly now: number;
}

export function keepAnswer(db: StoreWriter, { operation, hash, answer, now }: Answered): void {
  const { instance, epoch, number } = operation;
  const row = { instance, epoch, number, hash, answer, kept_until: now + bounds.storeOperationMs };
  db.run(
    'INSERT INTO store_operations (instance, epoch, number, hash, answer, kept_until, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ...Object.values(row),
    checksumOf(operationsTable, row),
  );
}

const oldest = 'SELECT place, kept_until FROM store_operations ORDER BY place LIMIT ?';

/** Until when the oldest is kept; Infinity: there is none. They expire in the order in which they came. */
export function firstExpiry(db: StoreWriter): number {
  const row = db.get(oldest, 1);
  return row === undefined ? Infinity : Number(row['kept_until']);
}

/** Removes up to `mostRows` of the oldest that have had their time. */
export function forgetExpired(db: StoreWriter, now: number, mostRows: number): OperationTotals {
  const sql = `DELETE FROM store_operations WHERE place IN (SELECT place FROM (${oldest}) WHERE kept_until <= ?) RETURNING octet_length(answer) AS bytes`;
  return totalsOf(db.all(sql, mostRows, now));
}

/** Removes the oldest beyond the bounds, whatever their time. Of those beyond the bound of bytes a few at a time. */
export function forgetExcess(db: StoreWriter, totals: OperationTotals, mostRows: number): OperationTotals {
  const isHeavy = totals.operation_bytes > bounds.storeOperationBytes;
  const excess = Math.max(totals.operations - bounds.storeOperations, isHeavy ? mostRows : 0);
  if (excess <= 0) return { operations: 0, operation_bytes: 0 };
  const sql = `DELETE FROM store_operations WHERE place IN (SELECT place FROM (${oldest})) RETURNING octet_length(answer) AS bytes`;
  return totalsOf(db.all(sql, excess));
}

const totalsOf = (rows: readonly StoreRow[]): OperationTotals => ({
  operations: rows.length,
  operation_bytes: rows.reduce((sum, { bytes }) => sum + Number(bytes), 0),
});
