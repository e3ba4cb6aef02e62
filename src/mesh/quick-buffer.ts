/**
 * What `toString` and `write` of a Buffer call once they have looked at their arguments. In every Node, not in its types;
 * on the hot path the looking costs as much as the work. Only frames use it.
 */
export interface QuickBuffer extends Buffer {
  utf8Slice(start: number, end: number): string;
  hexSlice(start: number, end: number): string;
  utf8Write(text: string, at: number, bytes: number): number;
  latin1Write(text: string, at: number, bytes: number): number;
  hexWrite(text: string, at: number, bytes: number): number;
}

export const quick = (buffer: Buffer): QuickBuffer => buffer as QuickBuffer;
