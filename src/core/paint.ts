/**
 * Colours for a terminal, as text in and text out. Who writes decides whether there are any: never into a pipe, never with NO_COLOR.
 * Used by the supervisor's screens and by the commands.
 */

/** SGR codes: what turns it on, what turns it off again. */
const codes = {
  bold: [1, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  gray: [90, 39],
} as const;

export type Style = keyof typeof codes;
export type Paint = (style: Style, text: string) => string;

export const makePaint =
  (colors: boolean): Paint =>
  (style, text) =>
    colors ? `\u001b[${String(codes[style][0])}m${text}\u001b[${String(codes[style][1])}m` : text;

const code = /(\u001b\[\d+m)/;

/** At most so many characters, colours not counted: what is cut ends in `…`, and in no colour. */
export function cutPainted(text: string, most: number): string {
  const parts = text.split(code);
  const length = parts.reduce((sum, part, index) => sum + (index % 2 === 0 ? part.length : 0), 0);
  if (length <= most) return text;
  let room = most - 1;
  const kept = parts.map((part, index) => {
    if (index % 2 === 1) return part;
    const shown = part.slice(0, Math.max(0, room));
    room -= part.length;
    return shown;
  });
  return `${kept.join('')}…`;
}
