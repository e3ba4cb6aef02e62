/**
 * A file of lines that is appended to and turned over when it is full: `app.log`, `app.log.1` … up to `keep` old ones. One write is in
 * flight, what waits is bounded, and the caller is never blocked nor told no by an exception: what finds no room is counted.
 * Used by the supervisor's log file. Refuses what is no regular file, and a last step that is a symlink; touches no other name than these.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bounds } from '../core/bounds.ts';
import type { Clock, Timer } from '../core/ports.ts';

export interface RotatedFileNeeds {
  readonly path: string;
  /** Of one file; only a single line that is longer makes it longer. */
  readonly maxBytes: number;
  /** Old files beside the one that is written. */
  readonly keep: number;
  readonly clock: Clock;
  /** It cannot be written; tried again, and said once until it works again. */
  readonly onTrouble: (reason: string) => void;
  /** There is room again: so many lines were lost before the one that comes next. */
  readonly onLost: (lines: number, reason: string) => void;
}

// Without O_NONBLOCK the opening of a pipe would wait for its reader for ever.
const appending =
  constants.O_CREAT | constants.O_APPEND | constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const againMs = 1_000;
/** Somebody else may move or remove the file (logrotate): then it is made anew. */
const lookMs = 1_000;
const patienceMs = 5_000;
const pieceBytes = 256 * 1_024;
const newline = 0x0a;

interface Waiting {
  readonly text: string;
  readonly bytes: number;
}

export class RotatedFile {
  readonly #needs: RotatedFileNeeds;
  #waiting: Waiting[] = [];
  /** Of the first that waits: a disk may take only half of it. */
  #unfinished: Buffer | undefined;
  #handle: FileHandle | undefined;
  #size = 0;
  #lookedAt = -Infinity;
  #lost = 0;
  #lostBecause = '';
  #trouble: string | undefined;
  /** Bytes, ever; and who waits until so many of them are written. */
  #appended = 0;
  #written = 0;
  #progressAt = 0;
  #waiters: { readonly until: number; readonly done: () => void }[] = [];
  #isClosed = false;
  #work: Promise<void> | undefined;
  #again: Timer | undefined;

  constructor(needs: RotatedFileNeeds) {
    this.#needs = needs;
  }

  /** @param line without its end. */
  append(line: string): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#appended - this.#written + bytes > bounds.logFileBytes) {
      this.#lostBecause = this.#trouble ?? 'the disk is slower than the output';
      this.#lost += 1;
      return;
    }
    this.#tellLost();
    this.#waiting.push({ text: line, bytes });
    this.#appended += bytes;
    this.#start();
  }

  /** Much waits, and it goes on: whoever can hold back for a moment loses nothing. Not for a disk that does not answer. */
  get isBehind(): boolean {
    if (this.#appended - this.#written < bounds.logFileBytes / 2 || this.#trouble !== undefined) return false;
    return this.#needs.clock.now() - this.#progressAt < patienceMs;
  }

  /** Resolves when what was appended so far is written; also when it cannot be written now. */
  settled(): Promise<void> {
    if (this.#work === undefined) return Promise.resolve();
    return new Promise((done) => {
      this.#waiters.push({ until: this.#appended, done });
    });
  }

  /** Writes what waits, if it can be written, and closes. */
  async close(): Promise<void> {
    this.#again?.cancel();
    this.#again = undefined;
    this.#start();
    await this.#work;
    this.#isClosed = true;
    (this.#again as Timer | undefined)?.cancel();
    await this.#letGo();
  }

  #start(): void {
    if (this.#work !== undefined || this.#again !== undefined || this.#isClosed) return;
    this.#progressAt = this.#needs.clock.now();
    this.#work = this.#writeAll().finally(() => {
      this.#work = undefined;
      this.#tellWaiters(Infinity);
    });
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#hasMore()) await this.#writeSome();
    } catch (error) {
      await this.#fail(error);
    }
  }

  /** What was lost is told when there is room, and that makes a line, too. */
  #hasMore(): boolean {
    if (this.#waiting.length === 0) this.#tellLost();
    return this.#unfinished !== undefined || this.#waiting.length > 0;
  }

  async #writeSome(): Promise<void> {
    await this.#look();
    const handle = (this.#handle ??= await this.#open());
    if (this.#unfinished === undefined && this.#isFull()) return this.#turn();
    const bytes = (this.#unfinished ??= this.#take());
    const { bytesWritten } = await handle.write(bytes);
    this.#size += bytesWritten;
    this.#written += bytesWritten;
    this.#unfinished = bytesWritten < bytes.length ? bytes.subarray(bytesWritten) : undefined;
    this.#trouble = undefined;
    this.#progressAt = this.#needs.clock.now();
    this.#tellWaiters(this.#written);
  }

  #isFull(): boolean {
    const next = this.#waiting[0]?.bytes ?? 0;
    return this.#size > 0 && this.#size + next > this.#needs.maxBytes;
  }

  /** As many of the lines that wait as the file and one write may take, and at least one. */
  #take(): Buffer {
    const most = Math.min(pieceBytes, this.#needs.maxBytes - this.#size);
    let bytes = 0;
    let count = 0;
    for (const next of this.#waiting) {
      if (count > 0 && bytes + next.bytes > most) break;
      bytes += next.bytes;
      count += 1;
    }
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return Buffer.from(taken.map(({ text }) => `${text}\n`).join(''));
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#needs;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(path, appending, 0o600);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw Object.assign(new Error(`${path} is no regular file`), { code: 'EINVAL' });
      this.#size = stats.size;
      await this.#mendLastLine(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return handle;
  }

  /** Whoever wrote before us may have died in the middle of a line. */
  async #mendLastLine(handle: FileHandle): Promise<void> {
    if (this.#size === 0 || this.#unfinished !== undefined) return;
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, this.#size - 1);
    if (buffer[0] !== newline) this.#size += (await handle.write('\n')).bytesWritten;
  }

  async #look(): Promise<void> {
    const { clock, path } = this.#needs;
    if (this.#handle === undefined || clock.now() - this.#lookedAt < lookMs) return;
    this.#lookedAt = clock.now();
    const ours = await this.#handle.stat();
    const there = await stat(path).catch(() => undefined);
    if (there?.ino !== ours.ino || there.dev !== ours.dev) await this.#letGo();
  }

  async #turn(): Promise<void> {
    const { path, keep } = this.#needs;
    await this.#letGo();
    const old = (n: number): string => (n === 0 ? path : `${path}.${String(n)}`);
    if (keep === 0) await rm(path, { force: true });
    for (let n = keep - 1; n >= 0; n -= 1) await rename(old(n), old(n + 1)).catch(unlessMissing);
  }

  async #letGo(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  /** What waits stays, for when it works again. */
  async #fail(error: unknown): Promise<void> {
    await this.#letGo();
    const { message } = error as Error;
    const isNew = this.#trouble === undefined;
    this.#trouble = message;
    this.#again = this.#needs.clock.after(againMs, () => {
      this.#again = undefined;
      this.#start();
    });
    if (isNew) this.#needs.onTrouble(message);
  }

  #tellWaiters(written: number): void {
    for (const { done } of this.#waiters.filter(({ until }) => until <= written)) done();
    this.#waiters = this.#waiters.filter(({ until }) => until > written);
  }

  #tellLost(): void {
    const lines = this.#lost;
    if (lines === 0) return;
    this.#lost = 0;
    this.#needs.onLost(lines, this.#lostBecause);
  }
}

function unlessMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
