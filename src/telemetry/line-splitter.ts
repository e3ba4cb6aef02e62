/**
 * Cuts a stream of bytes into lines. A line over the bound is cut there and goes on marked; bytes that are no UTF-8 become U+FFFD.
 */
import { StringDecoder } from 'node:string_decoder';

export const continuedMark = '…';

export class LineSplitter {
  readonly #limit: number;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  /** The line that runs was cut before: what comes next of it is marked. */
  #isCut = false;

  /** @param limit characters of one line. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(bytes: Buffer): string[] {
    const lines = (this.#rest + this.#decoder.write(bytes)).split('\n');
    const last = lines.pop() ?? '';
    const found = lines.flatMap((line) => this.#whole(line.endsWith('\r') ? line.slice(0, -1) : line));
    for (this.#rest = last; this.#rest.length > this.#limit; this.#rest = this.#rest.slice(this.#limit))
      found.push(this.#piece(this.#rest.slice(0, this.#limit), true));
    return found;
  }

  /** What came last without an end of line: for when nothing more comes, such as a process's last words. */
  end(): string[] {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    return rest === '' ? [] : this.#whole(rest);
  }

  #whole(line: string): string[] {
    const pieces: string[] = [];
    for (let at = 0; at < line.length || pieces.length === 0; at += this.#limit)
      pieces.push(this.#piece(line.slice(at, at + this.#limit), at + this.#limit < line.length));
    return pieces;
  }

  #piece(text: string, goesOn: boolean): string {
    const piece = (this.#isCut ? continuedMark : '') + text + (goesOn ? continuedMark : '');
    this.#isCut = goesOn;
    return piece;
  }
}
