/**
 * Where a command writes: results to stdout, words about them to stderr. Colours only on a terminal, never with NO_COLOR.
 */
import { escapeControls } from '../core/log-line.ts';
import type { Paint } from '../core/paint.ts';
import { makePaint } from '../core/paint.ts';

export interface Io {
  /** A line, or several. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Of stdout and of stderr. */
  readonly paint: Paint;
  readonly errPaint: Paint;
  /** How wide a table may be; Infinity in a pipe. */
  readonly columns: number;
}

export function processIo(): Io {
  const { stdout, stderr } = process;
  // Whoever reads may have enough (`| head`): that is no error.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  const mayPaint = (process.env['NO_COLOR'] ?? '') === '';
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    paint: makePaint(mayPaint && stdout.isTTY),
    errPaint: makePaint(mayPaint && stderr.isTTY),
    columns: stdout.isTTY ? stdout.columns : Infinity,
  };
}

/** JSON on one line, or indented; a control character inside a text stays an escape, which is JSON all the same. */
export const jsonText = (value: unknown, indent = 0): string =>
  JSON.stringify(value, undefined, indent).split('\n').map(escapeControls).join('\n');
