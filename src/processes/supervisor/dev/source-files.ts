/**
 * What is in the files of a project: a mark each, made of the content, so that a save without a change is none.
 * Reads a file again only when the system says that it was touched. Used by the loop of `tutti dev`.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';

const absent = 'absent';
/** Nothing of ours: of such a file the time of its change must do. */
const largestRead = 8_388_608;

/** Times of files come from a clock that ticks slowly. The time of change is not the owner's to set, that of content is. */
const coarseMs = 20;

const stampOf = ({ mtimeMs, ctimeMs, size, ino }: Stats): string =>
  [mtimeMs, ctimeMs, size, ino].map(String).join(' ');

export class SourceFiles {
  readonly #known = new Map<string, { readonly stamp: string; readonly mark: string }>();

  /** @param since epoch milliseconds: of what was touched later it is not known what the reader saw, so its mark is like no other. */
  marks(files: Iterable<string>, since = Number.POSITIVE_INFINITY): Map<string, string> {
    return new Map([...files].map((file) => [file, this.#mark(file, since)]));
  }

  #mark(file: string, since: number): string {
    try {
      const stats = statSync(file);
      if (stats.ctimeMs > since - coarseMs) return `touched after ${String(since)}`;
      const stamp = stampOf(stats);
      const known = this.#known.get(file);
      if (known?.stamp === stamp) return known.mark;
      const mark = stats.size > largestRead ? stamp : contentMark(file);
      this.#known.set(file, { stamp, mark });
      return mark;
    } catch {
      this.#known.delete(file);
      return absent;
    }
  }
}

const contentMark = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('base64').slice(0, 24);
