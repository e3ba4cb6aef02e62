/** Breaks a long sentence between words, what follows the first line indented. Used for sentences beside a column of times. */

const leastRoom = 20;

/** @param width of the terminal; Infinity: one line. */
export function wrapText(text: string, width: number, indent: number): string {
  const room = Math.max(leastRoom, width - indent);
  if (text.length <= room) return text;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= room)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
