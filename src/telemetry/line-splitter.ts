/**
 * Cuts a stream of bytes into lines. A line over the bound is cut there and goes on marked; bytes that are no UTF-8 become U+FFFD.
 */
import { StringDecoder } from 'node:string_decoder';

export const continuedMark = '…';

export class LineSplitter {
  readonly #limit: number;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** @param limit characters of one line. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(bytes: Buffer): string[] {
    const lines = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = lines.pop() ?? '';
    const whole = lines.flatMap((line) => this.#cut(line.endsWith('\r') ? line.slice(0, -1) : line));
    while (this.#rest.length > this.#limit) {
      whole.push(this.#rest.slice(0, this.#limit) + continuedMark);
      this.#rest = continuedMark + this.#rest.slice(this.#limit);
    }
    return whole;
  }

  #cut(line: string): string[] {
    if (line.length <= this.#limit) return [line];
    const parts: string[] = [];
    for (let at = 0; at < line.length; at += this.#limit) {
      const isLast = at + this.#limit >= line.length;
      parts.push((at > 0 ? continuedMark : '') + line.slice(at, at + this.#limit) + (isLast ? '' : continuedMark));
    }
    return parts;
  }
}
