/**
 * Finds the known word that a person most likely meant. Used by every check of names and options.
 */

/** Edits (insert, delete, replace, swap of neighbours) between two words; Damerau-Levenshtein, restricted. */
function distance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_cell, index) => index)];
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= left.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= right.length; j += 1) {
      const same = left[i - 1] === right[j - 1] ? 0 : 1;
      let best = Math.min(cell(i - 1, j) + 1, (row[j - 1] ?? 0) + 1, cell(i - 1, j - 1) + same);
      const swapped = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (swapped) best = Math.min(best, cell(i - 2, j - 2) + 1);
      row.push(best);
    }
  }
  return cell(left.length, right.length);
}

export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  // A long stranger is not a typo, and the table would be quadratic in it.
  if (word.length > 64) return undefined;
  const allowed = Math.max(1, Math.floor(word.length / 3));
  let best: { word: string; edits: number } | undefined;
  for (const candidate of known) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    // A word of which no letter is left is another word.
    if (edits <= allowed && edits < word.length && (best === undefined || edits < best.edits))
      best = { word: candidate, edits };
  }
  return best?.word;
}

/** `; did you mean "x"?`, or nothing: to hang at the end of a sentence. */
export function suggestion(word: string, known: Iterable<string>): string {
  const meant = didYouMean(word, known);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}
