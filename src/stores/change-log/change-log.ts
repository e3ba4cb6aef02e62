/**
 * Where a store is kept when that is not the disk of its owner: commits as records, numbered without a gap, and now and then a copy of the whole, so that
 * the records before it can go. Whoever owns the store works on a file of its own, made from both. There is a driver per engine; all of them pass the same tests.
 */
import type { AckClass } from '../../core/ack-class.ts';

export interface Owner {
  /** Of one process; never used again. */
  readonly claim: string;
  /** Where only one owner can be at a time: whoever comes after a dead owner there need not wait for its lease. */
  readonly seat: string;
  /** For people: who it is, and where. */
  readonly label: string;
}

/** Who owns the store instead. */
export interface OtherOwner {
  readonly label: string;
  readonly heardMsAgo: number;
}

/**
 * `kept`: it is in the log, by this try or an earlier one. `taken`: the log has another commit of that number: somebody else owns the store. `gap`: those
 * before it are missing: the engine has lost what it had acknowledged. `full`: the engine takes no more, and has not taken it.
 */
export type Appended = 'kept' | 'taken' | 'gap' | 'full';

export interface LogRecord {
  /** Of the commit. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

export interface KeptCopy {
  /** Of the last commit in it. */
  readonly number: number;
  /** CRC-32 over all of it. */
  readonly checksum: number;
  readonly parts: AsyncIterable<Uint8Array>;
}

export interface EngineReport {
  /** Name, version and place: `Redis 7.0.15 at 127.0.0.1:6379`. No secrets. */
  readonly engine: string;
  readonly ack: AckClass;
  /** The settings that say so, as a sentence without a full stop. */
  readonly because: string;
}

/** What a driver is made from. */
export interface EngineNeeds {
  readonly url: string;
  /** Of the store: those that share an engine have different ones. */
  readonly name: string;
  /** Of the engine, for people: host and port. */
  readonly place: string;
}

/** What fails for a reason that passes is thrown, and may or may not have been done: it is asked for again. Each call has a deadline of its own. */
export interface ChangeLog {
  /** Of the engine, for people: host and port. */
  readonly place: string;
  /** @throws {TuttiError} `CONFIG_INVALID` when the engine, or the right to use it, is not enough. */
  open(): Promise<void>;
  report(): Promise<EngineReport>;
  /** For `bounds.storeLeaseMs`, by the clock of the engine. Undefined: it is ours. */
  claim(owner: Owner): Promise<OtherOwner | undefined>;
  /** Whether it is still ours, for as long again. */
  renew(owner: Owner): Promise<boolean>;
  release(owner: Owner): Promise<void>;
  /** The newest; undefined: there is none yet. */
  copy(): Promise<KeptCopy | undefined>;
  /** The first of those behind `after`, in their order. */
  read(after: number): Promise<readonly LogRecord[]>;
  append(record: LogRecord): Promise<Appended>;
  /** Replaces the one before it, and the records up to its number; not when there is one as new. What ends early leaves all as it was. */
  putCopy(copy: KeptCopy): Promise<void>;
  /** Twice is harmless. */
  close(): Promise<void>;
}
