/**
 * Makes one line of the lines of a stack trace, as Node, `console.error(error)` and others write them to stderr. A line belongs to the one
 * before it when it is indented, closes a bracket, or names a cause; and all that Node prints of an error that nobody caught is one.
 * Holds the last line back until it knows what follows: whoever feeds it also says when nothing more comes.
 */
import type { SplitLine } from './line-splitter.ts';

export interface JoinedLine extends SplitLine {
  /** All lines, where it was more than one. The text is the one that says what happened. */
  readonly stack?: string;
}

export interface JoinerBounds {
  readonly lines: number;
  readonly chars: number;
}

const continues = /^(?:[ \t]|[}\])]+[,;]?$|caused by\b)/i;
/** `/path/file.js:12`, the source, `^`: so begins what Node prints before it ends. */
const sourcePlace = /^(?:\/|file:|node:|[A-Za-z]:\\).*:\d+$/;
/** Of a text that was given to `JSON.parse` or `eval`; there the line of the `^` may be empty. */
const textPlace = /^(?:<anonymous_script>|\[eval\]):\d+$/;
const caret = /^\s*\^+\s*$/;
const nodeVersion = /^Node\.js v\d/;
/** `TypeError [CODE]: …`, also behind `Uncaught`. */
const errorHead = /^(?:Uncaught )?(?:[\w.$]*(?:Error|Exception)\b|Error\b)/;

type Mode = 'plain' | 'place' | 'source' | 'uncaught';

export class LineJoiner {
  readonly #bounds: JoinerBounds;
  #held: SplitLine[] = [];
  #chars = 0;
  #mode: Mode = 'plain';

  constructor(bounds: JoinerBounds) {
    this.#bounds = bounds;
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** What is known to be whole now. */
  push(line: SplitLine): JoinedLine[] {
    // Our logger's lines are whole by themselves.
    if (line.text.startsWith('{"level":')) return [...this.flush(), line];
    if (this.#mode === 'source' && !this.#isCaret(line.text))
      return [...this.#letFirstGo(), ...this.push(line)];
    const isFull =
      this.#held.length >= this.#bounds.lines || this.#chars + line.text.length > this.#bounds.chars;
    const done = isFull || !this.#takes(line.text) ? this.flush() : [];
    this.#hold(line);
    return done;
  }

  /** What is held: for when nothing more comes, or nothing came for a while. */
  flush(): JoinedLine[] {
    const held = this.#held;
    const isTrace = this.#mode === 'plain' || this.#mode === 'uncaught';
    this.#held = [];
    this.#chars = 0;
    this.#mode = 'plain';
    // What looked like the beginning of a trace was none.
    return isTrace && held.length > 1 ? [joined(held)] : held;
  }

  #hold(line: SplitLine): void {
    if (this.#held.length === 0) this.#mode = isPlace(line.text) ? 'place' : 'plain';
    this.#held.push(line);
    this.#chars += line.text.length + 1;
  }

  #isCaret(text: string): boolean {
    return caret.test(text) || (text.trim() === '' && textPlace.test(this.#held[0]?.text ?? ''));
  }

  /** It named a place and no trace followed: what came next may begin one of its own. */
  #letFirstGo(): JoinedLine[] {
    const [first, next] = this.#held;
    this.#held = [];
    this.#chars = 0;
    if (next !== undefined) this.#hold(next);
    return first === undefined ? [] : [first];
  }

  /** Whether it belongs to what is held. */
  #takes(text: string): boolean {
    switch (this.#mode) {
      case 'place':
        this.#mode = 'source';
        return this.isHolding;
      case 'source':
        this.#mode = 'uncaught';
        return true;
      case 'uncaught':
        return !nodeVersion.test(this.#held.at(-1)?.text ?? '');
      case 'plain':
        return this.isHolding && continues.test(text);
    }
  }
}

const isPlace = (text: string): boolean => sourcePlace.test(text) || textPlace.test(text);

function joined(held: readonly SplitLine[]): JoinedLine {
  const texts = held.map(({ text }) => text);
  // Of something thrown that is no error: what stands behind the source.
  const behind = texts.slice(texts.findIndex((line) => caret.test(line)) + 1).find((line) => line !== '');
  const text = texts.find((line) => errorHead.test(line)) ?? behind ?? texts[0] ?? '';
  return { text, end: held.at(-1)?.end ?? 0, stack: texts.join('\n') };
}
