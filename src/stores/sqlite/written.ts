/** What one transaction wrote, statement by statement, as JSON: on the same tables the same statements make the same rows again. */
import { TuttiError } from '../../core/errors.ts';
import type { StoreValue } from './area.ts';
import type { Head } from './head.ts';

/** The number of its text, how many rows it changed, and what it was given. */
type Run = readonly [number, number, ...StoreValue[]];

interface Script {
  /** What the store knows of itself then. */
  readonly head: Head;
  readonly texts: readonly string[];
  readonly runs: readonly Run[];
}

/** What JSON keeps as it is. */
const isPlain = (value: StoreValue): boolean =>
  typeof value === 'string' || value === null || Number.isFinite(value);

export class Written {
  readonly #texts = new Map<string, number>();
  readonly #runs: Run[] = [];
  readonly #mostChars: number;
  #chars = 0;
  #isWhole = true;

  /** @param mostChars of texts and values, roughly. Beyond: nothing is kept. */
  constructor(mostChars: number) {
    this.#mostChars = mostChars;
  }

  note(sql: string, values: readonly StoreValue[], changes: number): void {
    if (!this.#isWhole) return;
    for (const value of values) {
      this.#chars += typeof value === 'string' ? value.length : 8;
      if (!isPlain(value)) this.#isWhole = false;
    }
    let text = this.#texts.get(sql);
    if (text === undefined) {
      this.#texts.set(sql, (text = this.#texts.size));
      this.#chars += sql.length;
    }
    if (this.#chars > this.#mostChars) this.#isWhole = false;
    this.#runs.push([text, changes, ...values]);
  }

  /** Undefined: it was too much, or cannot be said in JSON. */
  toText(head: Head): string | undefined {
    if (!this.#isWhole) return undefined;
    return JSON.stringify({ head, texts: [...this.#texts.keys()], runs: this.#runs } satisfies Script);
  }
}

/**
 * @param text what `toText` gave; so is what this gives.
 * @param run gives how many rows it changed.
 * @throws {TuttiError} `STORE_CORRUPT` when that is another number than at first.
 */
export function writeAgain(text: string, run: (sql: string, ...values: StoreValue[]) => number): Head {
  const { head, texts, runs } = JSON.parse(text) as Script;
  for (const [number, changes, ...values] of runs)
    if (run(texts[number] ?? '', ...values) !== changes)
      throw new TuttiError('STORE_CORRUPT', { what: 'the redo log, which does not follow its store' });
  return head;
}
