/**
 * A terminal that is drawn on again and again: its own screen, no cursor, only changed lines written. Leaves the terminal as it was,
 * however the command ends. Used by `top` and `status --watch`; plain ANSI, as every terminal since the VT100 takes it.
 */
import type { ReadStream, WriteStream } from 'node:tty';
import { cutPainted } from '../core/paint.ts';

const escape = '\u001b[';
/** Another screen, no cursor, lines cut at the edge instead of broken. */
const enter = `${escape}?1049h${escape}?25l${escape}?7l`;
const leave = `${escape}?7h${escape}?25h${escape}?1049l`;
const clear = `${escape}H${escape}2J`;

export interface ScreenNeeds {
  readonly output: WriteStream;
  /** Undefined: no keys. */
  readonly input: ReadStream | undefined;
  readonly onKey: (key: string) => void;
  readonly onResize: () => void;
}

export class LiveScreen implements Disposable {
  readonly #needs: ScreenNeeds;
  readonly #restore: () => void;
  readonly #resized: () => void;
  readonly #typed: (text: string) => void;
  #shown: readonly string[] = [];
  #isOpen = true;

  constructor(needs: ScreenNeeds) {
    this.#needs = needs;
    this.#restore = () => {
      this[Symbol.dispose]();
    };
    this.#resized = () => {
      this.#forget();
      needs.onResize();
    };
    this.#typed = (text) => {
      needs.onKey(text);
    };
    // Also when something throws where nobody catches it.
    process.once('exit', this.#restore);
    needs.output.write(enter + clear);
    needs.output.on('resize', this.#resized);
    needs.input?.setRawMode(true).setEncoding('utf8').on('data', this.#typed).resume();
  }

  /** A terminal that does not know its size says 0. */
  get rows(): number {
    return this.#needs.output.rows || 24;
  }

  get columns(): number {
    return this.#needs.output.columns || 80;
  }

  /** What does not fit is cut, lines beyond the last row are left out. A terminal that does not take what it is sent is spared a frame. */
  draw(lines: readonly string[]): void {
    const { output } = this.#needs;
    if (!this.#isOpen || output.writableNeedDrain) return;
    const next = lines.slice(0, this.rows).map((line) => cutPainted(line, this.columns));
    const changes = Array.from({ length: Math.max(next.length, this.#shown.length) }, (_none, index) =>
      next[index] === this.#shown[index]
        ? ''
        : `${escape}${String(index + 1)};1H${next[index] ?? ''}${escape}0m${escape}K`,
    ).join('');
    this.#shown = next;
    if (changes !== '') output.write(changes);
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { output, input } = this.#needs;
    process.off('exit', this.#restore);
    output.off('resize', this.#resized);
    input?.off('data', this.#typed).setRawMode(false).pause();
    output.write(leave);
  }

  /** After a change of its size nothing that was drawn can be relied on. */
  #forget(): void {
    this.#shown = [];
    this.#needs.output.write(clear);
  }
}
