/** A log in memory, for what needs no engine, and for what an engine does only when it is ill. */
import { TuttiError } from '../../../src/core/errors.ts';
import { bounds } from '../../../src/core/bounds.ts';
import type { Clock } from '../../../src/core/ports.ts';
import type {
  Appended,
  ChangeLog,
  EngineReport,
  KeptCopy,
  LogRecord,
  OtherOwner,
  Owner,
} from '../../../src/stores/change-log/change-log.ts';

interface Held extends Owner {
  readonly heardAt: number;
}

/** What several owners share. */
export class MemoryEngine {
  records = new Map<number, Uint8Array>();
  kept: { number: number; checksum: number; parts: Uint8Array[] } | undefined;
  held: Held | undefined;
  found: EngineReport = { engine: 'Memory 1 at home', ack: 'disk', because: 'a test says so' };
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get last(): number {
    return Math.max(this.kept?.number ?? -1, ...this.records.keys());
  }

  get now(): number {
    return this.#clock.now();
  }

  /** It has lost everything. */
  forget(): void {
    this.records = new Map();
    this.kept = undefined;
    this.held = undefined;
  }
}

export class MemoryChangeLog implements ChangeLog {
  readonly place = 'home';
  readonly engine: MemoryEngine;
  /** Awaited before each append; what it throws or gives is what becomes of it. */
  beforeAppend: (record: LogRecord) => Promise<Appended | undefined> = () => Promise.resolve(undefined);
  /** As above, after it: the answer may get lost. */
  afterAppend: () => Promise<void> = () => Promise.resolve();
  beforeCopy: () => Promise<void> = () => Promise.resolve();
  isClosed = false;

  constructor(engine: MemoryEngine) {
    this.engine = engine;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  report(): Promise<EngineReport> {
    return Promise.resolve(this.engine.found);
  }

  claim(owner: Owner): Promise<OtherOwner | undefined> {
    return Promise.resolve(this.#claim(owner, (held) => held.seat === owner.seat));
  }

  renew(owner: Owner): Promise<boolean> {
    return Promise.resolve(this.#claim(owner, () => false) === undefined);
  }

  release({ claim }: Owner): Promise<void> {
    if (this.engine.held?.claim === claim) this.engine.held = undefined;
    return Promise.resolve();
  }

  copy(): Promise<KeptCopy | undefined> {
    const { kept } = this.engine;
    return Promise.resolve(kept && { ...kept, parts: inParts(kept.parts) });
  }

  read(after: number): Promise<readonly LogRecord[]> {
    const found = [...this.engine.records].map(([number, bytes]) => ({ number, bytes }));
    const behind = found.filter(({ number }) => number > after);
    return Promise.resolve(behind.sort((left, right) => left.number - right.number).slice(0, 32));
  }

  async append(record: LogRecord): Promise<Appended> {
    const instead = await this.beforeAppend(record);
    if (instead !== undefined) return instead;
    const { records, last } = this.engine;
    const same = records.get(record.number);
    if (same !== undefined && Buffer.compare(same, record.bytes) === 0) return 'kept';
    if (last >= record.number) return 'taken';
    if (last !== record.number - 1) return 'gap';
    records.set(record.number, record.bytes);
    await this.afterAppend();
    return 'kept';
  }

  async putCopy({ number, checksum, parts }: KeptCopy): Promise<void> {
    await this.beforeCopy();
    const all: Uint8Array[] = [];
    for await (const part of parts) all.push(part);
    if ((this.engine.kept?.number ?? -1) >= number) throw new TuttiError('CONFLICT', { what: 'A copy' });
    this.engine.kept = { number, checksum, parts: all };
    for (const known of this.engine.records.keys()) if (known <= number) this.engine.records.delete(known);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  #claim(owner: Owner, mayTake: (held: Held) => boolean): OtherOwner | undefined {
    const { held, now } = this.engine;
    const isOver = held === undefined || now - held.heardAt > bounds.storeLeaseMs;
    if (!isOver && held.claim !== owner.claim && !mayTake(held))
      return { label: held.label, heardMsAgo: now - held.heardAt };
    this.engine.held = { ...owner, heardAt: now };
    return undefined;
  }
}

async function* inParts(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(part);
}
