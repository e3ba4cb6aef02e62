/**
 * What SQLite or the system says about the disk, as an error of ours. What it says about an area's own SQL is the area's bug, and stays.
 * Codes: https://sqlite.org/rescode.html
 */
import { accessSync, constants } from 'node:fs';
import { basename } from 'node:path';
import type { ErrorCode } from '../../core/errors.ts';
import { TuttiError } from '../../core/errors.ts';

const primaryCodes: Readonly<Record<number, ErrorCode>> = {
  5: 'STORE_UNREACHABLE', // busy
  6: 'STORE_UNREACHABLE', // locked
  7: 'STORE_UNREACHABLE', // no memory
  8: 'STORE_READ_ONLY',
  10: 'STORE_UNREACHABLE', // input or output
  11: 'STORE_CORRUPT',
  13: 'STORE_FULL',
  14: 'STORE_UNREACHABLE', // cannot be opened
  26: 'STORE_CORRUPT', // not a database
};
/** A write failed with something else than ENOSPC: a quota, a limit on the size of files, a disk that went read-only. */
const writeFailed = 778;

const systemCodes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EFBIG: 'STORE_FULL',
  EROFS: 'STORE_READ_ONLY',
  EACCES: 'STORE_READ_ONLY',
  EPERM: 'STORE_READ_ONLY',
};

/** Said where it is no reason to give up. */
export const diskIsFull = 'The disk of the store is full: it can be read';

/** @param file the store's: SQLite does not say why a write failed. */
export function storeError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || error instanceof TuttiError) return error;
  const { errcode, code } = error as Error & { readonly errcode?: number; readonly code?: string };
  const known = errcode === undefined ? systemCodes[code ?? ''] : codeOf(errcode, file);
  if (known === undefined) return error;
  // Clients read it: the name of the file, and not where it lies.
  const data = { what: `the file ${basename(file)}: ${error.message}`, reason: error.message };
  return new TuttiError(known, data, { cause: error });
}

function codeOf(errcode: number, file: string): ErrorCode | undefined {
  if (errcode === writeFailed) return mayWrite(file) ? 'STORE_FULL' : 'STORE_READ_ONLY';
  return primaryCodes[errcode & 0xff];
}

export function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
