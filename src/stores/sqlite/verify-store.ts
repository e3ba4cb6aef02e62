/**
 * Checks all of a store: its structure, its foreign keys, the checksum of every row. On a copy and in a thread of its own: SQLite checks a whole
 * file at a time, and the owner has others to answer.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { TuttiError } from '../../core/errors.ts';
import type { CheckedTable } from './area.ts';
import type { CopySource } from './copy-store.ts';
import { copyStore, removeCopy } from './copy-store.ts';

export interface StoreReport {
  readonly isSound: boolean;
  /** The first of them, each a sentence. */
  readonly problems: readonly string[];
  readonly problemCount: number;
  /** Whose checksum was looked at. */
  readonly rows: number;
}

export interface CopyToCheck {
  readonly path: string;
  readonly tables: readonly CheckedTable[];
}

interface VerifyNeeds {
  readonly copier: CopySource;
  readonly file: string;
  readonly tables: readonly CheckedTable[];
  readonly signal: AbortSignal;
}

/** Needs as much room on the disk as the store does. */
export async function verifyStore({ copier, file, tables, signal }: VerifyNeeds): Promise<StoreReport> {
  const path = verifiedCopy(file);
  await copyStore(copier, path, signal);
  try {
    return await checkInThread({ path, tables }, signal);
  } finally {
    removeCopy(path);
  }
}

/** One that a dead owner left is removed at opening. */
export const verifiedCopy = (file: string): string => `${file}.verify`;

async function checkInThread(copy: CopyToCheck, signal: AbortSignal): Promise<StoreReport> {
  const worker = new Worker(new URL('./verify-entry.js', import.meta.url), {
    workerData: copy,
    stderr: false,
  });
  try {
    const [report] = (await once(worker, 'message', { signal })) as [StoreReport];
    return report;
  } catch (error) {
    if (signal.aborted) throw new TuttiError('STORE_CLOSED');
    throw new TuttiError('STORE_UNREACHABLE', { reason: 'the check ended early' }, { cause: error });
  } finally {
    await worker.terminate();
  }
}
