/**
 * What small commits wrote, kept before they are answered. SQLite writes a page for each place that a commit touches, eight of 4 KiB for one small row with its indexes and its
 * operation, and syncs them; here it is one record, and SQLite's transaction stays open for the commits that follow. The file has one size and is written over in place, from its
 * beginning each time that SQLite has committed: so a sync has nothing to note but the record. A record is the length of its text and a CRC-32 (4 bytes each), the number of its
 * commit (8 bytes), all little-endian, and the text, see `written.ts`. One that nobody waits for is written as well, and synced with the next that somebody does.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { bounds } from '../../core/bounds.ts';
import { isTuttiError } from '../../core/errors.ts';
import { ensurePrivateFile } from '../../os/private-file.ts';
import { storeError } from './store-error.ts';

export interface RedoRecord {
  /** Of the commit. */
  readonly number: number;
  readonly text: string;
}

const headBytes = 16;

export class RedoLog {
  readonly #path: string;
  readonly #fd: number;
  /** A write of it and its sync are one call. */
  readonly #syncedFd: number;
  /** The records at the end that are not synced yet, and room for one more. */
  readonly #buffer = Buffer.alloc(headBytes + bounds.storeRedoRecordBytes);
  #seed = 0;
  /** Where the next record goes; what lies before is not in SQLite's file yet. */
  #end = 0;
  /** Bytes before that which are not synced: the process may die, the power may not go. */
  #unsynced = 0;

  /** @param isSynced false loses what was answered when the power goes: see `Durability`. @throws what the system says, such as that the disk is full. */
  constructor(store: string, isSynced: boolean) {
    this.#path = `${store}.redo`;
    ensurePrivateFile(this.#path);
    const flags = constants.O_RDWR | constants.O_NOFOLLOW;
    this.#fd = openSync(this.#path, flags);
    try {
      this.#fill();
      this.#syncedFd = openSync(this.#path, flags | (isSynced ? constants.O_DSYNC : 0));
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** Of what is not in SQLite's file. */
  get bytes(): number {
    return this.#end;
  }

  /** Whether there is anything. */
  get isHolding(): boolean {
    return this.#end > 0;
  }

  get isUnsynced(): boolean {
    return this.#unsynced > 0;
  }

  /** False: there is no room for it. @throws as `append`. */
  sync(): boolean {
    return this.#unsynced === 0 || this.#writeSynced(0);
  }

  /** Of which store it is from now on: beside another one its records mean nothing. */
  belongTo(id: string): void {
    this.#seed = crc32(id);
  }

  /** Those behind commit `after`, without a gap, in their order, and synced. What is appended next goes behind them. */
  read(after: number): RedoRecord[] {
    this.restart();
    // Whoever wrote them may have died before that.
    fsyncSync(this.#fd);
    const bytes = Buffer.alloc(bounds.storeRedoBytes);
    const records: RedoRecord[] = [];
    let last: number | undefined;
    let at = 0;
    readSync(this.#fd, bytes, 0, bytes.length, 0);
    for (;;) {
      const found = this.#recordAt(bytes, at);
      // Behind those that were written last lie older ones.
      if (found === undefined || (last !== undefined && found.number !== last + 1)) break;
      last = found.number;
      at += headBytes + found.bytes;
      if (last > after) records.push({ number: last, text: found.text() });
    }
    if (records[0]?.number !== after + 1) return [];
    this.#end = at;
    return records;
  }

  /**
   * False: there is no room for it.
   * @param isUrgent false: it is synced with the next one that is.
   * @throws when nobody can tell whether it is kept.
   */
  append(number: number, text: string, isUrgent: boolean): boolean {
    // Of UTF-8 there are at most three bytes to a character.
    const most = headBytes + text.length * 3;
    if (most > this.#buffer.length) return false;
    if (this.#unsynced + most > this.#buffer.length && !this.sync()) return false;
    const at = this.#unsynced;
    const bytes = this.#buffer.write(text, at + headBytes);
    const length = headBytes + bytes;
    if (this.#end + length > bounds.storeRedoBytes) return false;
    this.#buffer.writeUInt32LE(bytes, at);
    this.#buffer.writeDoubleLE(number, at + 8);
    this.#buffer.writeUInt32LE(crc32(this.#buffer.subarray(at + 8, at + length), this.#seed), at + 4);
    return isUrgent ? this.#writeSynced(length) : this.#writeUnsynced(length);
  }

  /** All of it is in SQLite's file, and on disk. */
  restart(): void {
    this.#end = 0;
    this.#unsynced = 0;
  }

  /** Nothing of it counts any more, whatever is put beside it. */
  clear(): void {
    this.restart();
    writeSync(this.#syncedFd, Buffer.alloc(headBytes), 0, headBytes, 0);
  }

  close(): void {
    closeSync(this.#fd);
    closeSync(this.#syncedFd);
  }

  /** As many bytes more, and with them those that were not synced: a sync is of what it writes, and nothing may be missing before it. */
  #writeSynced(more: number): boolean {
    if (!this.#write(this.#syncedFd, 0, this.#unsynced + more)) return false;
    this.#end += more;
    this.#unsynced = 0;
    return true;
  }

  #writeUnsynced(more: number): boolean {
    if (!this.#write(this.#fd, this.#unsynced, more)) return false;
    this.#end += more;
    this.#unsynced += more;
    return true;
  }

  /** Whether there was room: on some file systems what is written over needs new room, too. */
  #write(fd: number, from: number, length: number): boolean {
    const place = this.#end - this.#unsynced;
    try {
      for (let at = from; at < from + length;)
        at += writeSync(fd, this.#buffer, at, from + length - at, place + at);
      return true;
    } catch (error) {
      if (isTuttiError(storeError(error, this.#path), 'STORE_FULL')) return false;
      throw error;
    }
  }

  #fill(): void {
    const { size } = fstatSync(this.#fd);
    if (size >= bounds.storeRedoBytes) return;
    const rest = Buffer.alloc(bounds.storeRedoBytes - size);
    for (let done = 0; done < rest.length;)
      done += writeSync(this.#fd, rest, done, rest.length - done, size + done);
    fsyncSync(this.#fd);
  }

  #recordAt(bytes: Buffer, at: number): { number: number; bytes: number; text: () => string } | undefined {
    if (at + headBytes > bytes.length) return undefined;
    const length = bytes.readUInt32LE(at);
    const end = at + headBytes + length;
    if (length === 0 || end > bytes.length) return undefined;
    if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, end), this.#seed)) return undefined;
    return {
      number: bytes.readDoubleLE(at + 8),
      bytes: length,
      text: () => bytes.toString('utf8', at + headBytes, end),
    };
  }
}
