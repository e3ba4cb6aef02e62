/**
 * What small commits wrote, kept before they are answered. SQLite writes a page for each place that a commit touches, eight of 4 KiB for one small row with its indexes and its
 * operation, and syncs them; here it is one record, and SQLite's transaction stays open for the commits that follow. The file has one size and is written over in place, from its
 * beginning each time that SQLite has committed: so a sync has nothing to note but the record. A record is the length of its text and a CRC-32 (4 bytes each), the number of its
 * commit (8 bytes), all little-endian, and the text, see `written.ts`.
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
  readonly #buffer = Buffer.alloc(headBytes + bounds.storeRedoRecordBytes);
  #seed = 0;
  /** Where the next record goes; what lies before is not in SQLite's file yet. */
  #end = 0;

  /** @param isSynced false loses what was answered when the power goes: see `Durability`. @throws what the system says, such as that the disk is full. */
  constructor(store: string, isSynced: boolean) {
    this.#path = `${store}.redo`;
    ensurePrivateFile(this.#path);
    // A write and its sync are one call.
    this.#fd = openSync(
      this.#path,
      constants.O_RDWR | constants.O_NOFOLLOW | (isSynced ? constants.O_DSYNC : 0),
    );
    try {
      this.#fill();
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

  /** Of which store it is from now on: beside another one its records mean nothing. */
  belongTo(id: string): void {
    this.#seed = crc32(id);
  }

  /** Those behind commit `after`, without a gap, in their order. What is appended next goes behind them. */
  read(after: number): RedoRecord[] {
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
    const isNext = records[0]?.number === after + 1;
    this.#end = isNext ? at : 0;
    return isNext ? records : [];
  }

  /** False: there is no room for it. @throws when nobody can tell whether it is kept. */
  append(number: number, text: string): boolean {
    // Of UTF-8 there are at most three bytes to a character.
    const most = headBytes + text.length * 3;
    if (most > this.#buffer.length) return false;
    const bytes = this.#buffer.write(text, headBytes);
    const length = headBytes + bytes;
    if (this.#end + length > bounds.storeRedoBytes) return false;
    this.#buffer.writeUInt32LE(bytes, 0);
    this.#buffer.writeDoubleLE(number, 8);
    this.#buffer.writeUInt32LE(crc32(this.#buffer.subarray(8, length), this.#seed), 4);
    if (!this.#write(length)) return false;
    this.#end += length;
    return true;
  }

  /** All of it is in SQLite's file, and on disk. */
  restart(): void {
    this.#end = 0;
  }

  /** Nothing of it counts any more, whatever is put beside it. */
  clear(): void {
    this.#end = 0;
    writeSync(this.#fd, Buffer.alloc(headBytes), 0, headBytes, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Whether there was room: on some file systems what is written over needs new room, too. */
  #write(length: number): boolean {
    try {
      for (let done = 0; done < length;)
        done += writeSync(this.#fd, this.#buffer, done, length - done, this.#end + done);
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
