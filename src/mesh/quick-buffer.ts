/**
 * What `toString` and `write` of a Buffer call once they have looked at their arguments. In every Node, not in its types;
 * on the hot path the looking costs as much as the work.
 */
export interface QuickBuffer extends Buffer {
  utf8Slice(start: number, end: number): string;
  hexSlice(start: number, end: number): string;
  utf8Write(text: string, at: number, bytes: number): number;
  latin1Write(text: string, at: number, bytes: number): number;
  hexWrite(text: string, at: number, bytes: number): number;
}

export const quick = (buffer: Buffer): QuickBuffer => buffer as QuickBuffer;

/** Gives where it ends. @param bytes of the text in UTF-8. */
// eslint-disable-next-line max-params -- a hot path: an object would be made per text
export function writeText(target: Buffer, at: number, text: string, bytes: number): number {
  // As many bytes as letters: all are ASCII, and the quicker writer does.
  if (bytes === text.length) quick(target).latin1Write(text, at, bytes);
  else quick(target).utf8Write(text, at, bytes);
  return at + bytes;
}
