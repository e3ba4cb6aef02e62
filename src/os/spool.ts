/**
 * Output of an instance: the keeper opens an append-only file, the instance writes, the supervisor reads behind it.
 * What was read is given back to the disk by punching holes (Linux, koffi): lossless, the file only looks large.
 * Where that does not work the file is emptied once it is over the bound and read to its end; what is written between
 * the last look and the emptying is lost, and counted as far as it can be seen.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { bounds } from '../core/bounds.ts';
import { loadNative, type IntFunction } from './native.ts';

const appending = constants.O_CREAT | constants.O_APPEND | constants.O_WRONLY | constants.O_NOFOLLOW;
const pieceBytes = 256 * 1_024;
const giveBackBytes = 1_024 * 1_024;
/** FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE */
const punchHole = 0x03;

/** A descriptor for the stdout or stderr of an instance. */
export const openSpool = (path: string): number => openSync(path, appending, 0o600);

interface SpoolPiece {
  /** At most 256 KiB, cut anywhere; empty when there is nothing new. */
  readonly bytes: Buffer;
  /** Where the next piece begins: what a successor starts its reader with. */
  readonly offset: number;
  /** Bytes that were cut before this piece. */
  readonly lost: number;
}

export class SpoolReader {
  readonly #fd: number;
  #offset: number;
  #givenBack: number;
  #fallocate: Fallocate | undefined;
  #canPunch = true;

  /** The file is made if it is not there; an offset beyond its end means that it was replaced, and counts as 0. */
  constructor(path: string, offset: number) {
    this.#fd = openSync(path, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600);
    this.#offset = afterHole(this.#fd, offset <= fstatSync(this.#fd).size ? offset : 0);
    this.#givenBack = this.#offset;
  }

  /** Asking for the next piece says that the earlier ones are dealt with: their bytes may be given back. */
  read(): SpoolPiece {
    const { size } = fstatSync(this.#fd);
    if (size < this.#offset) this.#offset = this.#givenBack = 0;
    const lost = this.#cutOldest(size) + this.#giveBack(size);
    const left = Math.max(0, fstatSync(this.#fd).size - this.#offset);
    const bytes = Buffer.allocUnsafe(Math.min(pieceBytes, left));
    const taken = readSync(this.#fd, bytes, 0, bytes.length, this.#offset);
    this.#offset += taken;
    return { bytes: bytes.subarray(0, taken), offset: this.#offset, lost };
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Whoever writes faster than we read for long loses the oldest, not the disk. */
  #cutOldest(size: number): number {
    const over = size - this.#offset - bounds.spoolBytes;
    if (over <= 0) return 0;
    this.#offset += over;
    return over;
  }

  #giveBack(size: number): number {
    if (this.#offset - this.#givenBack < giveBackBytes) return 0;
    if (this.#canPunch) {
      this.#fallocate ??= loadFallocate();
      const length = this.#offset - this.#givenBack;
      // Not every file system can.
      this.#canPunch = this.#fallocate(this.#fd, punchHole, this.#givenBack, length) === 0;
      if (this.#canPunch) this.#givenBack = this.#offset;
      return 0;
    }
    return size > bounds.spoolBytes ? this.#empty() : 0;
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
    if (bytes.length === pieceBytes && bytes.equals(zeros)) continue;
    const data = bytes.findIndex((byte) => byte !== 0);
    return data < 0 ? at + bytes.length : at + data;
  }
}

type Fallocate = IntFunction<[number, number, number, number]>;

/** One that always fails where the library does not load. */
function loadFallocate(): Fallocate {
  const native = process.platform === 'linux' ? loadNative() : undefined;
  if (native === undefined) return () => -1;
  return native.libc.func('int fallocate(int, int, int64_t, int64_t)') as Fallocate;
}
