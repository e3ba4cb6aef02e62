/**
 * Numbers that only grow, over the deaths of whoever draws them: they are set aside on disk a thousand at a time, before the first of them is
 * used. What a dead one had not used is left out. Used for the fencing numbers of locks.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';

const setAside = 1_000;

export class Fences {
  readonly #path: string;
  #last = 0;
  #limit = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws what the system says when a disk takes nothing: a number that may come again is none. */
  next(): number {
    if (this.#last >= this.#limit) this.#setAside();
    return (this.#last += 1);
  }

  #setAside(): void {
    const from = Math.max(this.#last, this.#read());
    const next = `${this.#path}.next`;
    const fd = openSync(next, 'w', 0o600);
    try {
      writeSync(fd, `${String(from + setAside)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(next, this.#path);
    this.#last = from;
    this.#limit = from + setAside;
  }

  #read(): number {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
    const limit = Number(text);
    if (!Number.isSafeInteger(limit) || limit < 0) throw new Error(`${this.#path} holds no number`);
    return limit;
  }
}
