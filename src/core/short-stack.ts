/**
 * A stack trace as whoever wrote the service wants it: without the frames of Node and of Tutti, paths as short as they can be. Pure text.
 * Used where log lines are printed for people; programs get the whole of it.
 */

const ownFolder = new URL('../', import.meta.url).href;
const frame = /^\s*at /;

export const isStack = (text: string): boolean => /\n\s*at .*(?::\d+|\))/.test(text);

const isOurs = (line: string): boolean =>
  frame.test(line) &&
  (/(?:\(|at (?:async )?)node:/.test(line) ||
    line.includes(ownFolder) ||
    line.includes(new URL(ownFolder).pathname));

/**
 * A trace that has no other frames keeps them: there they are all that is known.
 * @param folder absolute; undefined: paths stay as they are.
 */
export function shortStack(lines: readonly string[], folder?: string): string[] {
  const theirs = lines.filter((line) => !isOurs(line));
  const left = theirs.some((line) => frame.test(line)) ? lines.length - theirs.length : 0;
  const kept = (left === 0 ? lines : theirs).map((line) => shortPaths(line, folder));
  const frames = left === 1 ? '1 frame' : `${String(left)} frames`;
  return left === 0 ? kept : [...kept, `    (and ${frames} of Node and Tutti)`];
}

function shortPaths(line: string, folder: string | undefined): string {
  if (folder === undefined || folder === '/') return line;
  return line.replaceAll(`file://${folder}/`, '').replaceAll(`${folder}/`, '');
}
