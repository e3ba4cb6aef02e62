/**
 * Output of an instance: the keeper opens an append-only file, the instance writes, the supervisor reads behind it.
 * What was dealt with is given back to the disk by punching holes (Linux, koffi): lossless, the file only looks large.
 * Where that does not work the file is emptied once it is over the bound and read to its end; what is written between
 * the last look and the emptying is lost, and counted as far as it can be seen.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, statfsSync } from 'node:fs';
import { bounds } from '../core/bounds.ts';
import { loadNative, type IntFunction } from './native.ts';

const appending = constants.O_CREAT | constants.O_APPEND | constants.O_WRONLY | constants.O_NOFOLLOW;
/** Of many short lines each becomes a long one: a piece must not be more than what reads them can hold. */
const pieceBytes = 64 * 1_024;
const giveBackBytes = 1_024 * 1_024;
const pageBytes = 4_096;
/** One for all readers: a buffer for each piece would be hundreds of megabytes of garbage in a flood. */
const room = Buffer.alloc(pieceBytes);
/** FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE */
const punchHole = 0x03;
const seekData = 3;
const seekHole = 4;

/** A descriptor for the stdout or stderr of an instance. */
export const openSpool = (path: string): number => openSync(path, appending, 0o600);

/** Less room than any output takes. A quota is not seen; who meets it counts what it lost. */
const fullBytes = 16 * 1_024;

export function isDiskFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < fullBytes;
  } catch {
    return false;
  }
}

interface SpoolPiece {
  /** At most 64 KiB, cut anywhere; empty when there is nothing new. They end at `offset`, and hold until the next read of any reader. */
  readonly bytes: Buffer;
  /** Where the next piece begins. */
  readonly offset: number;
  /** Bytes that were cut before this piece. */
  readonly lost: number;
}

export class SpoolReader {
  readonly #fd: number;
  #offset: number;
  #givenBack: number;
  #fallocate: Fallocate | undefined;
  #canPunch = process.platform === 'linux';

  /** The file is made if it is not there; an offset beyond its end means that it was replaced, and counts as 0. */
  constructor(path: string, offset: number) {
    this.#fd = openSync(path, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600);
    this.#offset = afterHole(this.#fd, offset <= fstatSync(this.#fd).size ? offset : 0);
    this.#givenBack = this.#offset;
  }

  /** Of the next byte that is read. */
  get offset(): number {
    return this.#offset;
  }

  /** Whether a place in this file means the same for ever: it does not where the file is emptied. */
  get keepsPlaces(): boolean {
    return this.#canPunch;
  }

  read(): SpoolPiece {
    const { size } = fstatSync(this.#fd);
    if (size < this.#offset) this.#offset = this.#givenBack = 0;
    const lost = this.#cutOldest(size);
    const left = Math.min(pieceBytes, size - this.#offset);
    const taken = left === 0 ? 0 : readSync(this.#fd, room, 0, left, this.#offset);
    this.#offset += taken;
    return { bytes: room.subarray(0, taken), offset: this.#offset, lost };
  }

  /**
   * All before `offset` is dealt with, and nobody will ask for it again: its bytes may be given back.
   * Gives how many bytes were lost by that, which only the emptying of a file can do.
   */
  release(offset: number): number {
    if (offset - this.#givenBack < giveBackBytes) return 0;
    if (this.#punchUpTo(offset)) return 0;
    return this.#offset > bounds.spoolBytes ? this.#empty() : 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Whoever writes faster than we read for long loses the oldest, not the disk: it is given back at once. */
  #cutOldest(size: number): number {
    const over = size - this.#offset - bounds.spoolBytes;
    if (over <= 0) return 0;
    this.#offset += over;
    this.#punchUpTo(this.#offset);
    return over;
  }

  #punchUpTo(offset: number): boolean {
    if (!this.#canPunch) return false;
    this.#fallocate ??= loadFallocate();
    // From the beginning of its page: a page that was given back in two halves would never be free.
    const from = this.#givenBack - (this.#givenBack % pageBytes);
    // Not every file system can.
    this.#canPunch = this.#fallocate(this.#fd, punchHole, from, offset - from) === 0;
    if (this.#canPunch) this.#givenBack = offset;
    return this.#canPunch;
  }

  #empty(): number {
    const lost = fstatSync(this.#fd).size - this.#offset;
    // Not before we have caught up, or what we throw away would be more than a moment's output.
    if (lost > pieceBytes) return 0;
    ftruncateSync(this.#fd, 0);
    this.#offset = this.#givenBack = 0;
    return lost;
  }
}

/** An offset from before the last reader gave back its bytes lies in a hole, which reads as zeros. */
function afterHole(fd: number, offset: number): number {
  const zeros = Buffer.alloc(pieceBytes);
  const piece = Buffer.alloc(pieceBytes);
  for (let at = offset; ; at += pieceBytes) {
    const bytes = piece.subarray(0, readSync(fd, piece, 0, pieceBytes, at));
    if (bytes.length === pieceBytes && bytes.equals(zeros)) {
      at = Math.max(at, nextData(fd, at + pieceBytes) - pieceBytes);
      continue;
    }
    const data = bytes.findIndex((byte) => byte !== 0);
    return data < 0 ? at + bytes.length : at + data;
  }
}

/** Where a hole ends: it may be as long as all that was ever written, too long to be read. */
function nextData(fd: number, from: number): number {
  const native = loadNative();
  if (native === undefined || process.platform !== 'linux') return from;
  const seek = native.libc.func('int64_t lseek(int, int64_t, int)') as IntFunction<[number, number, number]>;
  const data = seek(fd, from, seekData);
  if (data >= 0) return data;
  return seek(fd, from, seekHole) === from ? fstatSync(fd).size : from;
}

type Fallocate = IntFunction<[number, number, number, number]>;

/** One that always fails where the library does not load. */
function loadFallocate(): Fallocate {
  const native = loadNative();
  if (native === undefined) return () => -1;
  return native.libc.func('int fallocate(int, int, int64_t, int64_t)') as Fallocate;
}
