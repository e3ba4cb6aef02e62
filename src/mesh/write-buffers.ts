/** Memory that all links of a process write from: the operating system has nearly always taken it when `write` returns. */

export const writeBufferBytes = 65_536;
/** Beyond: left to the garbage collector. More are only out while as many connections are slow. */
const mostKept = 8;
const kept: Buffer[] = [];

/** Not cleared. */
export const takeWriteBuffer = (): Buffer => kept.pop() ?? Buffer.allocUnsafeSlow(writeBufferBytes);

/** For one that nobody reads any more. */
export function giveBack(buffer: Buffer): void {
  if (kept.length < mostKept) kept.push(buffer);
}
