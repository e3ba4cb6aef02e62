/**
 * Named counters and gauges of an app, exact across its processes, also after one of them was killed.
 *
 * The file: a head (magic, version, capacity, number of names), a directory of names in the order of their registration,
 * and from a page boundary on one 8-byte value per name: an int64 for a counter, a double for a gauge. The supervisor
 * alone writes names, and reads values with `pread`; instances map the values (koffi) and add atomically.
 * Where koffi cannot load, an instance counts for itself only (`isShared` is false): nothing is wrong, nothing is summed.
 */
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { TuttiError } from '../core/errors.ts';
import { loadNative } from './native.ts';
import { createPrivateFile, openPrivateFile, unusable } from './private-file.ts';

export type SharedKind = 'counter' | 'gauge';

interface SharedValue {
  readonly name: string;
  readonly kind: SharedKind;
  readonly value: number;
}

const magic = 0x7475_7474;
const version = 1;
const headBytes = 64;
const countAt = 12;
/** One byte each for kind and length, then the name. */
const entryBytes = 128;
const longestName = entryBytes - 2;
const valueBytes = 8;
/** The largest page that a system of ours uses: what is mapped must begin at one. */
const pageBytes = 65_536;
const kinds: readonly (SharedKind | undefined)[] = [undefined, 'counter', 'gauge'];

const valuesAt = (capacity: number): number =>
  Math.ceil((headBytes + capacity * entryBytes) / pageBytes) * pageBytes;
const sizeFor = (capacity: number): number => valuesAt(capacity) + capacity * valueBytes;

export function createCounters(path: string, capacity: number): void {
  const bytes = Buffer.alloc(sizeFor(capacity));
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(version, 4);
  bytes.writeUInt32LE(capacity, 8);
  createPrivateFile(path, bytes);
}

interface Named {
  readonly index: number;
  readonly kind: SharedKind;
}

/** The names, read as far as they were not known yet: they are only ever added. */
class Names {
  readonly #fd: number;
  readonly #known = new Map<string, Named>();
  readonly capacity: number;

  constructor(fd: number, capacity: number) {
    this.#fd = fd;
    this.capacity = capacity;
  }

  find(name: string): Named | undefined {
    return this.#known.get(name) ?? this.all().get(name);
  }

  all(): ReadonlyMap<string, Named> {
    const known = this.#known.size;
    const count = Math.min(this.#count(), this.capacity);
    const bytes = Buffer.alloc(Math.max(0, count - known) * entryBytes);
    readSync(this.#fd, bytes, 0, bytes.length, headBytes + known * entryBytes);
    for (let index = known; index < count; index++) {
      const entry = bytes.subarray((index - known) * entryBytes, (index - known + 1) * entryBytes);
      const kind = kinds[entry.readUInt8(0)];
      if (kind === undefined) break;
      this.#known.set(entry.toString('utf8', 2, 2 + entry.readUInt8(1)), { index, kind });
    }
    return this.#known;
  }

  /** The entry first, then the number that makes it count. */
  add(name: string, kind: SharedKind): number {
    const index = this.all().size;
    const entry = Buffer.alloc(entryBytes);
    entry.writeUInt8(kinds.indexOf(kind), 0);
    entry.writeUInt8(entry.write(name, 2), 1);
    writeSync(this.#fd, entry, 0, entryBytes, headBytes + index * entryBytes);
    const count = Buffer.alloc(4);
    count.writeUInt32LE(index + 1);
    writeSync(this.#fd, count, 0, count.length, countAt);
    this.#known.set(name, { index, kind });
    return index;
  }

  #count(): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#fd, bytes, 0, bytes.length, countAt);
    return bytes.readUInt32LE();
  }
}

/** The supervisor's side. */
export class CounterDirectory {
  readonly #fd: number;
  readonly #names: Names;

  /** @throws {TuttiError} `CONFIG_INVALID` when the file is not as we make it. */
  constructor(path: string) {
    const { fd, capacity } = openCounters(path);
    this.#fd = fd;
    this.#names = new Names(fd, capacity);
  }

  /**
   * Gives the index of the name, a new one if need be.
   * @throws {TuttiError} `CONFLICT` for a name of the other kind, `INVALID_INPUT`, `OVERLOADED` when all are taken.
   */
  register(name: string, kind: SharedKind): number {
    const found = this.#names.find(name);
    if (found !== undefined) {
      if (found.kind !== kind) throw new TuttiError('CONFLICT', { what: `The ${kind} ${name}` });
      return found.index;
    }
    const length = Buffer.byteLength(name);
    if (length === 0 || length > longestName) throw new TuttiError('INVALID_INPUT', { name, longestName });
    if (this.#names.all().size >= this.#names.capacity)
      throw new TuttiError('OVERLOADED', { what: 'Shared memory' });
    return this.#names.add(name, kind);
  }

  list(): SharedValue[] {
    const named = [...this.#names.all()];
    const values = Buffer.alloc(named.length * valueBytes);
    readSync(this.#fd, values, 0, values.length, valuesAt(this.#names.capacity));
    return named.map(([name, { index, kind }]) => {
      const at = index * valueBytes;
      return {
        name,
        kind,
        value: kind === 'gauge' ? values.readDoubleLE(at) : Number(values.readBigInt64LE(at)),
      };
    });
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** An instance's side. */
export class SharedValues {
  readonly isShared: boolean;
  readonly #fd: number;
  readonly #names: Names;
  readonly #counters: BigInt64Array;
  readonly #gauges: Float64Array;

  /** @throws {TuttiError} `CONFIG_INVALID` when the file is not as we make it. */
  constructor(path: string) {
    const { fd, capacity } = openCounters(path);
    this.#fd = fd;
    this.#names = new Names(fd, capacity);
    const mapped = mapValues(fd, capacity);
    this.isShared = mapped !== undefined;
    const memory = mapped ?? new ArrayBuffer(capacity * valueBytes);
    this.#counters = new BigInt64Array(memory);
    this.#gauges = new Float64Array(memory);
  }

  /** Undefined until the supervisor has registered it. */
  lookup(name: string): Named | undefined {
    return this.#names.find(name);
  }

  add(index: number, amount: number): void {
    Atomics.add(this.#counters, index, BigInt(amount));
  }

  /** One aligned store of 8 bytes: nobody sees half of it. */
  set(index: number, value: number): void {
    this.#gauges[index] = value;
  }

  get({ index, kind }: Named): number {
    return kind === 'gauge' ? (this.#gauges[index] ?? 0) : Number(Atomics.load(this.#counters, index));
  }

  /** The mapping stays until the process ends: unmapping memory that somebody may still hold would be fatal. */
  close(): void {
    closeSync(this.#fd);
  }
}

function openCounters(path: string): { fd: number; capacity: number } {
  const fd = openPrivateFile(path);
  try {
    const head = Buffer.alloc(headBytes);
    readSync(fd, head, 0, headBytes, 0);
    const found = head.readUInt32LE(4);
    if (head.readUInt32LE() !== magic) throw unusable(path, 'holds no counters');
    if (found !== version) throw unusable(path, `is of version ${String(found)}, not ${String(version)}`);
    const capacity = head.readUInt32LE(8);
    if (fstatSync(fd).size !== sizeFor(capacity)) throw unusable(path, 'has a wrong size');
    return { fd, capacity };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const readAndWrite = 0x3;
const mapShared = 0x1;

function mapValues(fd: number, capacity: number): ArrayBuffer | undefined {
  const native = loadNative();
  if (native === undefined) return undefined;
  const mmap = native.libc.func('void *mmap(void *, size_t, int, int, int, int64_t)') as (
    ...args: [null, number, number, number, number, number]
  ) => unknown;
  const length = capacity * valueBytes;
  const address = mmap(null, length, readAndWrite, mapShared, fd, valuesAt(capacity));
  // MAP_FAILED is -1.
  if (address === null || native.koffi.address(address) === 2n ** 64n - 1n) return undefined;
  return native.koffi.view(address, length);
}
