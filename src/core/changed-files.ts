/**
 * Who is made of the files that have changed. Pure; used by the supervisor in `tutti dev`.
 */

/** What is in a file, in short; by absolute path. */
export type FileMarks = ReadonlyMap<string, string>;

/** Those of `now` that are new or not what they were. */
export const changedFiles = (before: FileMarks, now: FileMarks): string[] =>
  [...now].flatMap(([file, mark]) => (before.get(file) === mark ? [] : [file]));

/** A file that several are made of touches them all. Who is not touched is left out. */
export function whoIsTouched(
  files: ReadonlyMap<string, readonly string[]>,
  changed: readonly string[],
): Map<string, readonly string[]> {
  const all = new Set(changed);
  const touched = new Map<string, readonly string[]>();
  for (const [name, own] of files) {
    const hit = own.filter((file) => all.has(file));
    if (hit.length > 0) touched.set(name, hit);
  }
  return touched;
}

/** Both know of it: while something is broken its files are those it had and those it came to. */
export function mergeFiles(
  one: ReadonlyMap<string, readonly string[]>,
  other: ReadonlyMap<string, readonly string[]>,
): Map<string, readonly string[]> {
  const merged = new Map(one);
  for (const [name, files] of other) merged.set(name, [...new Set([...(one.get(name) ?? []), ...files])]);
  return merged;
}
