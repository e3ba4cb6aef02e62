/** Sees what is written to files from now on, in this process and at once. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { test } from 'node:test';

export interface FileWrite {
  readonly fd: number;
  /** In the file: the first byte, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

type Write = (fd: number, bytes: Buffer, ...place: [at: number, length: number, to: number]) => number;

/** Until it is disposed of. @param see what it throws is what the write throws. */
export function watchWrites(
  context: { readonly mock: typeof test.mock },
  see: (write: FileWrite) => void,
): Disposable {
  const write = fs.writeSync as Write;
  const { mock } = context.mock.method(fs, 'writeSync', ((fd, bytes, ...[at, length, place]) => {
    see({ fd, from: place, to: place + length });
    return write(fd, bytes, at, length, place);
  }) as Write);
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      mock.restore();
      syncBuiltinESMExports();
    },
  };
}
