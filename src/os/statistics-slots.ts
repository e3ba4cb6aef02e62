/**
 * The heartbeats of an app: one file, one record of 512 bytes per instance, written by the instance with one `pwrite`
 * from its own event loop and read by the supervisor with one `pread` for all. Nobody maps it, so that a truncated file
 * costs a reading and not the process.
 *
 * A record is 64 doubles: [0] sequence, [1 …] the fields below in order, [32 … 48) latency histogram, [62] check sum,
 * [63] sequence again. Record 0 is the head: magic, version, number of slots. A slot whose sequences or sum do not
 * agree was read while it was written.
 */
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { latencyBuckets } from '../core/latency-histogram.ts';
import { createPrivateFile, openPrivateFile, unusable } from './private-file.ts';

/** In the order of the file. */
const fields = [
  'epoch',
  'pid',
  'startTime',
  'beatAt',
  'loopDelayP99Ms',
  'loopDelayMaxMs',
  'utilisation',
  'rssBytes',
  'heapBytes',
  'inFlight',
  'queued',
  'requests',
  'errors',
  'flags',
  'fullness',
  'taken',
  'waitedMs',
  'rejected',
  'calls',
  'retries',
  'poolCalls',
  'callAction',
  'callEndsBy',
  'callUnwanted',
  'callNumber',
] as const;

/**
 * `startTime` is that of /proc, `beatAt` monotonic milliseconds, `utilisation` of the event loop from 0 to 1,
 * `requests`, `errors`, `rejected` and `taken` (requests and events) count from the start of the process, `waitedMs` is what all those
 * taken have waited in queues, `calls` are those it made itself and `retries` those made once more,
 * `fullness` that of the fullest action from 0 to 1, `flags` is a sum of `slotFlag`. Of an instance in a pool:
 * `poolCalls` it has begun, and of the one that runs the place of its action in the manifest, when it must have ended (0: none runs;
 * monotonic) and whether that is because nobody waits for it (1). Of one that is isolated the same of the job that must end first: the
 * place of its queue, when, why (the place in `jobEnds`), and its number.
 */
export type SlotRecord = Readonly<Record<(typeof fields)[number], number>> & {
  /** As `core/latency-histogram` counts. */
  readonly latency: readonly number[];
};

export const slotFlag = { inspectorAttached: 1 } as const;

const doubles = 64;
const recordBytes = doubles * Float64Array.BYTES_PER_ELEMENT;
const latencyAt = 32;
const sumAt = 62;
const sequenceAgainAt = 63;
const magic = 0x7475_7474_6973;
const version = 3;

/** Makes the file anew; writers of an earlier one notice and move over. */
export function createSlots(path: string, count: number): void {
  const all = new Float64Array(doubles * (count + 1));
  all.set([magic, version, count]);
  createPrivateFile(path, bytesOf(all));
}

export class SlotWriter {
  readonly #path: string;
  readonly #index: number;
  readonly #record = new Float64Array(doubles);
  #fd: number;
  #sequence = 0;

  /** @throws {TuttiError} `CONFIG_INVALID` when the file is not ours or has no such slot. */
  constructor(path: string, index: number) {
    this.#path = path;
    this.#index = index;
    this.#fd = openSlot(path, index);
  }

  /** Never throws: a beat that cannot be written is a beat that is missed, and the supervisor sees that. */
  write(record: SlotRecord): void {
    try {
      if (fstatSync(this.#fd).nlink === 0) this.#reopen();
      this.#fill(record);
      writeSync(this.#fd, bytesOf(this.#record), 0, recordBytes, recordBytes * (this.#index + 1));
    } catch {
      // See above.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #fill(record: SlotRecord): void {
    const numbers = this.#record;
    this.#sequence++;
    numbers[0] = this.#sequence;
    // NaN (a mean of nothing) is unequal to itself, which would make the record look torn for ever.
    for (const [index, field] of fields.entries())
      numbers[index + 1] = Number.isNaN(record[field]) ? 0 : record[field];
    for (let bucket = 0; bucket < latencyBuckets; bucket++)
      numbers[latencyAt + bucket] = record.latency[bucket] ?? 0;
    numbers[sumAt] = sumOf(numbers);
    numbers[sequenceAgainAt] = this.#sequence;
  }

  #reopen(): void {
    const fd = openSlot(this.#path, this.#index);
    closeSync(this.#fd);
    this.#fd = fd;
  }
}

export class SlotReader {
  readonly #path: string;
  #fd: number | undefined;
  #all = new Float64Array(doubles);
  #problem: string | undefined;

  /** Does not throw: a file that is missing or bad is said by `damaged`. */
  constructor(path: string) {
    this.#path = path;
    this.#open();
  }

  /** Whoever sees this makes the file anew with `createSlots` and a new reader. */
  get damaged(): boolean {
    return this.#problem !== undefined;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** One slot alone; undefined as in `readAll`, and for one that is written at this moment. */
  read(index: number): SlotRecord | undefined {
    if (this.#fd === undefined || this.#problem !== undefined) return undefined;
    const at = doubles * (index + 1);
    const bytes = bytesOf(this.#all.subarray(at, at + doubles));
    if (readSync(this.#fd, bytes, 0, recordBytes, recordBytes * (index + 1)) < recordBytes) return undefined;
    const record = this.#slot(index);
    return record === 'torn' ? undefined : record;
  }

  /** One entry per slot; undefined for one that nobody has written, or that cannot be read whole. */
  readAll(): (SlotRecord | undefined)[] {
    if (this.#fd === undefined || this.#problem !== undefined) return [];
    this.#read(this.#fd);
    const records = Array.from({ length: this.#all.length / doubles - 1 }, (_, index) => this.#slot(index));
    if (records.includes('torn')) {
      this.#read(this.#fd);
      for (const [index, record] of records.entries())
        if (record === 'torn') records[index] = this.#slot(index);
    }
    return records.map((record) => (record === 'torn' ? undefined : record));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): void {
    try {
      this.#fd = openPrivateFile(this.#path);
      this.#all = new Float64Array(doubles * (readHead(this.#fd, this.#path) + 1));
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : 'unreadable';
    }
  }

  #read(fd: number): void {
    if (fstatSync(fd).nlink === 0) this.#problem = 'it was removed';
    const bytes = bytesOf(this.#all);
    const taken = readSync(fd, bytes, 0, bytes.length, 0);
    if (taken < bytes.length) this.#problem = 'it was cut short';
    else if (this.#all[0] !== magic || this.#all[1] !== version) this.#problem = 'its head was overwritten';
    // What was not read now must not look like news.
    bytes.fill(0, taken);
  }

  #slot(index: number): SlotRecord | 'torn' | undefined {
    const numbers = this.#all.subarray(doubles * (index + 1), doubles * (index + 2));
    if (numbers[0] === 0 && numbers[sequenceAgainAt] === 0) return undefined;
    if (numbers[0] !== numbers[sequenceAgainAt] || numbers[sumAt] !== sumOf(numbers)) return 'torn';
    const values = Object.fromEntries(fields.map((field, at) => [field, numbers[at + 1]]));
    return {
      ...(values as Omit<SlotRecord, 'latency'>),
      latency: [...numbers.subarray(latencyAt, latencyAt + latencyBuckets)],
    };
  }
}

function openSlot(path: string, index: number): number {
  const fd = openPrivateFile(path);
  try {
    const count = readHead(fd, path);
    if (index < 0 || index >= count)
      throw unusable(path, `has ${String(count)} slots, and no number ${String(index)}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readHead(fd: number, path: string): number {
  const head = new Float64Array(doubles);
  readSync(fd, bytesOf(head), 0, recordBytes, 0);
  const [foundMagic, foundVersion, count = 0] = head;
  if (foundMagic !== magic) throw unusable(path, 'is no file of statistics');
  if (foundVersion !== version)
    throw unusable(path, `is of version ${String(foundVersion)}, not ${String(version)}`);
  const size = recordBytes * (count + 1);
  if (!Number.isSafeInteger(count) || fstatSync(fd).size !== size) throw unusable(path, 'has a wrong size');
  return count;
}

const bytesOf = (numbers: Float64Array): Uint8Array =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/** Order matters for doubles, so both sides add in the same one. */
function sumOf(numbers: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < sumAt; at++) sum += numbers[at] ?? 0;
  return sum;
}
