/**
 * Remembers how far the output of each instance was seen, to tell which lines are new when a supervisor's successor reads some
 * of it again. Pure. Used by whoever outlives a supervisor: `tutti logs -f`, and the log file.
 */
import type { NewLogLine } from './log-line.ts';

/** What one slot wrote to one of its two files, over all its epochs. */
function placeOf({
  instance,
  at,
}: NewLogLine): { readonly source: string; readonly end: number } | undefined {
  if (at === undefined) return undefined;
  const colon = at.indexOf(':');
  return {
    source: `${instance.slice(0, instance.indexOf('@'))} ${at.slice(0, colon)}`,
    end: Number(at.slice(colon + 1)),
  };
}

export class SeenPlaces {
  readonly #ends = new Map<string, number>();

  /** Of a line without a place nobody can tell: it is new. */
  isNew(line: NewLogLine): boolean {
    const place = placeOf(line);
    return place === undefined || place.end > (this.#ends.get(place.source) ?? -1);
  }

  see(line: NewLogLine): void {
    const place = placeOf(line);
    if (place !== undefined) this.#ends.set(place.source, place.end);
  }
}
