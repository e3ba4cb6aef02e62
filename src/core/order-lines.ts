/**
 * One order for what several processes wrote at the same time: by the time of the lines, while the lines of one source stay
 * in the order in which it wrote them. Pure. Used by the supervisor for what it read in one turn.
 */

interface Timed {
  readonly time: number;
}

/** @param sources the lines of each, oldest first. A line that is older than one before it counts as old as that. */
export function orderLines<Line extends Timed>(sources: readonly (readonly Line[])[]): readonly Line[] {
  const [first = [], ...others] = sources.filter((lines) => lines.length > 0);
  if (others.length === 0) return first;
  return [first, ...others]
    .flatMap((lines) => {
      let latest = -Infinity;
      return lines.map((line) => ({ line, time: (latest = Math.max(latest, line.time)) }));
    })
    .sort((left, right) => left.time - right.time)
    .map(({ line }) => line);
}
