/**
 * The port of small values under keys, with versions and an end: what the gateway remembers of an `Idempotency-Key`, and its like. Drivers: memory, and
 * the area `state` of a store. `checkStateStore` in `testing/` says what each must do.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';

export interface StateEntry {
  readonly key: string;
  /** JSON. */
  readonly value: unknown;
  /** Another one at each put, and never one that was there before: also when the key was deleted meanwhile. */
  readonly version: number;
  /** Epoch milliseconds of the store's clock. Undefined: it stays. */
  readonly expiresAt: number | undefined;
}

export interface PutOptions {
  /** How long it is kept, in milliseconds. */
  readonly ttlMs?: number;
  /** Only over this version. */
  readonly ifVersion?: number;
  /** Only where there is nothing. */
  readonly ifAbsent?: boolean;
}

/** Only of this version. */
export type DeleteOptions = Pick<PutOptions, 'ifVersion'>;

export interface PutResult {
  readonly stored: boolean;
  /** What is there now: stored or not. */
  readonly entry: StateEntry | undefined;
}

export interface ListOptions {
  /** Keys after this one: `next` of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

export interface StatePage {
  /** In the order of the keys' UTF-8 bytes. */
  readonly entries: readonly StateEntry[];
  /** Undefined: these were the last. */
  readonly next: string | undefined;
}

/** What has expired is not there, whether or not it was removed yet. */
export interface StateStore {
  get(key: string): Promise<StateEntry | undefined>;
  /** @throws {TuttiError} `INVALID_INPUT`, `PAYLOAD_TOO_LARGE`, `OVERLOADED` when there is no room for it. */
  put(key: string, value: unknown, options?: PutOptions): Promise<PutResult>;
  /** Gives whether something was deleted. */
  delete(key: string, options?: DeleteOptions): Promise<boolean>;
  list(prefix: string, options?: ListOptions): Promise<StatePage>;
}

const defaultPage = 100;

export function checkedKey(key: string): string {
  if (typeof key !== 'string' || key === '') throw invalid('A key is a text that is not empty');
  return checkedText(key);
}

/** A key, or the beginning of one: a lone surrogate would come back as another character. */
function checkedText(text: string): string {
  if (typeof text !== 'string' || !text.isWellFormed()) throw invalid('A key is well-formed Unicode');
  if (Buffer.byteLength(text) > bounds.stateKeyBytes)
    throw invalid(`A key has at most ${String(bounds.stateKeyBytes)} bytes`);
  return text;
}

/** The types of TypeScript know nothing of `undefined`. */
const json: (value: unknown) => string | undefined = JSON.stringify;

/** Gives the value as JSON. */
export function checkedValue(value: unknown): string {
  let text: string | undefined;
  try {
    text = json(value);
  } catch {
    // A cycle, a bigint: said below.
  }
  if (text === undefined) throw invalid('A value is JSON');
  if (Buffer.byteLength(text) > bounds.stateValueBytes)
    throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.stateValueBytes });
  return text;
}

export function checkPut({ ttlMs, ifVersion, ifAbsent }: PutOptions): void {
  if (ttlMs !== undefined) checkWhole('ttlMs', ttlMs, bounds.stateTtlMs);
  if (ifVersion !== undefined) checkWhole('ifVersion', ifVersion, Number.MAX_SAFE_INTEGER);
  if (ifVersion !== undefined && ifAbsent === true)
    throw invalid('A put is either over a version or where there is nothing, not both');
}

export function checkedPage(
  prefix: string,
  { after = '', limit = defaultPage }: ListOptions,
): Required<ListOptions> {
  checkedText(prefix);
  checkWhole('limit', limit, bounds.statePage);
  return { after: checkedText(after), limit };
}

function checkWhole(name: string, value: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return;
  throw invalid(`${name} is a whole number from 1 to ${String(most)}`);
}

const invalid = (message: string): TuttiError => new TuttiError('INVALID_INPUT', { message });
