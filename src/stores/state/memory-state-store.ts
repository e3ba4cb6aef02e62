/** Values in this process: for tests, and where nothing has to survive. What has expired goes when it is met, or when room is needed. */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type {
  DeleteOptions,
  ListOptions,
  PutOptions,
  PutResult,
  StateEntry,
  StatePage,
  StateStore,
} from './state-store.ts';
import { checkPut, checkedKey, checkedPage, checkedValue } from './state-store.ts';

interface Kept {
  readonly text: string;
  readonly version: number;
  readonly expiresAt: number | undefined;
}

export function memoryStateStore(clock: Clock): StateStore {
  const entries = new StateTable(clock);
  return {
    get: (key) => answer(() => entries.get(checkedKey(key))),
    put: (key, value, options = {}) =>
      answer(() => entries.put(checkedKey(key), checkedValue(value), options)),
    delete: (key, options = {}) => answer(() => entries.delete(checkedKey(key), options)),
    list: (prefix, options = {}) => answer(() => entries.list(prefix, checkedPage(prefix, options))),
  };
}

/** What is refused is refused by the promise. */
const answer = <T>(run: () => T): Promise<T> =>
  new Promise((resolve) => {
    resolve(run());
  });

class StateTable {
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  #version = 0;

  constructor(clock: Clock) {
    const difference = clock.wall() - clock.now();
    this.#now = () => Math.floor(clock.now() + difference);
  }

  get(key: string): StateEntry | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (this.#isOver(kept)) this.#remove(key, kept);
    return this.#isOver(kept) ? undefined : entryOf(key, kept);
  }

  put(key: string, text: string, options: PutOptions): PutResult {
    checkPut(options);
    const { ttlMs, ifVersion, ifAbsent } = options;
    const there = this.get(key);
    if (ifAbsent === true && there !== undefined) return { stored: false, entry: there };
    if (ifVersion !== undefined && there?.version !== ifVersion) return { stored: false, entry: there };
    const kept = {
      text,
      version: this.#version + 1,
      expiresAt: ttlMs === undefined ? undefined : this.#now() + ttlMs,
    };
    this.#makeRoom(key, text);
    this.#version += 1;
    this.#set(key, kept);
    return { stored: true, entry: entryOf(key, kept) };
  }

  delete(key: string, options: DeleteOptions): boolean {
    checkPut(options);
    const { ifVersion } = options;
    const there = this.get(key);
    if (there === undefined || (ifVersion !== undefined && there.version !== ifVersion)) return false;
    this.#remove(key);
    return true;
  }

  list(prefix: string, { after, limit }: Required<ListOptions>): StatePage {
    const keys = [...this.#kept]
      .filter(([key, kept]) => key.startsWith(prefix) && isAfter(key, after) && !this.#isOver(kept))
      .map(([key]) => key)
      .sort((left, right) => (isAfter(left, right) ? 1 : -1));
    const page = keys.slice(0, limit);
    return {
      entries: page.flatMap((key) => this.get(key) ?? []),
      next: keys.length > limit ? page.at(-1) : undefined,
    };
  }

  #makeRoom(key: string, text: string): void {
    if (this.#hasRoom(key, text)) return;
    for (const [other, kept] of this.#kept) if (this.#isOver(kept)) this.#remove(other, kept);
    if (!this.#hasRoom(key, text))
      throw new TuttiError('OVERLOADED', { what: 'The state store', isFull: true });
  }

  #hasRoom(key: string, text: string): boolean {
    const before = this.#kept.get(key);
    const more = sizeOf(key, text) - (before === undefined ? 0 : sizeOf(key, before.text));
    const count = this.#kept.size + (before === undefined ? 1 : 0);
    return count <= bounds.stateEntries && (more <= 0 || this.#bytes + more <= bounds.stateBytes);
  }

  #set(key: string, kept: Kept): void {
    this.#remove(key);
    this.#kept.set(key, kept);
    this.#bytes += sizeOf(key, kept.text);
  }

  #remove(key: string, kept = this.#kept.get(key)): void {
    if (kept !== undefined && this.#kept.delete(key)) this.#bytes -= sizeOf(key, kept.text);
  }

  #isOver({ expiresAt }: Kept): boolean {
    return expiresAt !== undefined && expiresAt <= this.#now();
  }
}

const sizeOf = (key: string, text: string): number => Buffer.byteLength(key) + Buffer.byteLength(text);

const isAfter = (key: string, other: string): boolean =>
  Buffer.compare(Buffer.from(key), Buffer.from(other)) > 0;

/** A value of its own each time, as from a disk. */
const entryOf = (key: string, { text, version, expiresAt }: Kept): StateEntry => ({
  key,
  value: JSON.parse(text) as unknown,
  version,
  expiresAt,
});
