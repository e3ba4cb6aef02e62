/**
 * Cuts a stream of bytes into lines, each with the place of its end in the stream. A line over the bound is cut there and goes on
 * marked; bytes that are no UTF-8 become U+FFFD.
 */

export const continuedMark = '…';

export interface SplitLine {
  readonly text: string;
  /** Behind its last byte, the end of line counted. */
  readonly end: number;
}

const newline = 0x0a;
const carriageReturn = 0x0d;

export class LineSplitter {
  readonly #limit: number;
  #rest: Buffer = Buffer.alloc(0);
  /** Of the first byte that is not part of a line yet. */
  #start = 0;
  /** The line that runs was cut before: what comes next of it is marked. */
  #isCut = false;

  /** @param limit bytes of one line. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param at place of the first byte: right behind what was pushed last, or behind what was lost since; then `end` came between. */
  push(bytes: Buffer, at = this.#start + this.#rest.length): SplitLine[] {
    if (this.#rest.length === 0) this.#start = at;
    const data = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    const found: SplitLine[] = [];
    const origin = this.#start;
    let from = 0;
    for (let next = data.indexOf(newline); next >= 0; next = data.indexOf(newline, from)) {
      this.#whole(data, { from, to: next, end: origin + next + 1 }, found);
      from = next + 1;
    }
    for (let cut = from; data.length - cut > this.#limit; from = cut) {
      cut = characterStart(data, cut, this.#limit);
      found.push({ text: this.#piece(data.toString('utf8', from, cut), true), end: origin + cut });
    }
    this.#start = origin + from;
    // A copy: a few bytes must not hold the whole piece in memory.
    this.#rest = from === data.length ? empty : Buffer.from(data.subarray(from));
    return found;
  }

  /** What came last without an end of line: for when nothing more comes, such as a process's last words. */
  end(): SplitLine[] {
    const rest = this.#rest;
    if (rest.length === 0) return [];
    const found: SplitLine[] = [];
    this.#start += rest.length;
    this.#rest = empty;
    this.#whole(rest, { from: 0, to: rest.length, end: this.#start }, found);
    return found;
  }

  #whole(data: Buffer, line: { from: number; to: number; end: number }, found: SplitLine[]): void {
    let { from } = line;
    const to = line.to > from && data[line.to - 1] === carriageReturn ? line.to - 1 : line.to;
    while (to - from > this.#limit) {
      const cut = characterStart(data, from, this.#limit);
      found.push({
        text: this.#piece(data.toString('utf8', from, cut), true),
        end: line.end - (line.to - cut),
      });
      from = cut;
    }
    found.push({ text: this.#piece(data.toString('utf8', from, to), false), end: line.end });
  }

  #piece(text: string, goesOn: boolean): string {
    if (!this.#isCut && !goesOn) return text;
    const piece = (this.#isCut ? continuedMark : '') + text + (goesOn ? continuedMark : '');
    this.#isCut = goesOn;
    return piece;
  }
}

const empty = Buffer.alloc(0);
let room = empty;

/** Holds until the next call. The room is used again: in a flood each piece would leave garbage that counts for little and weighs much. */
function joined(rest: Buffer, bytes: Buffer): Buffer {
  const length = rest.length + bytes.length;
  if (room.length < length) room = Buffer.alloc(length);
  rest.copy(room);
  bytes.copy(room, rest.length);
  return room.subarray(0, length);
}

const longestCharacter = 4;

/** At most `limit` bytes behind `from`, and not inside a character. */
function characterStart(data: Buffer, from: number, limit: number): number {
  let cut = from + limit;
  while (cut > from + limit - longestCharacter && ((data[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
  return cut > from ? cut : from + limit;
}
