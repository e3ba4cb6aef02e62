/** Puts a copy of the store beside its log now and then, so that the log stays short. One at a time; the store goes on meanwhile. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { bounds } from '../../core/bounds.ts';
import { isTuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { removeCopy } from '../sqlite/copy-store.ts';
import { openReader } from '../sqlite/open-database.ts';
import type { ChangeLog } from './change-log.ts';
import type { Restored } from './restore-file.ts';

interface KeptCopiesNeeds {
  readonly changeLog: ChangeLog;
  readonly restored: Restored;
  /** Of the store; a copy lies beside it while it is made. */
  readonly file: string;
  /** Copies the store, as it is after its last commit. */
  readonly copyTo: (path: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Between two tries. */
const againMs = 5_000;

export class KeptCopies {
  readonly #needs: KeptCopiesNeeds;
  #copyBytes: number;
  /** Of the records since. */
  #recordBytes: number;
  #running: Promise<void> | undefined;
  #dueBytes = 0;
  /** By the clock; after a failure. */
  #notBefore = 0;

  constructor(needs: KeptCopiesNeeds) {
    this.#needs = needs;
    this.#copyBytes = needs.restored.copy?.bytes ?? 0;
    this.#recordBytes = needs.restored.recordBytes;
    this.#setDue();
  }

  get isHalfFull(): boolean {
    return this.#recordBytes > bounds.storeRecordsLimitBytes / 2;
  }

  /** Whether the log may grow no more; then a copy is tried, which ends that. */
  get isFull(): boolean {
    if (this.#recordBytes <= bounds.storeRecordsLimitBytes) return false;
    this.#makeWhenDue();
    return true;
  }

  kept(bytes: number): void {
    this.#recordBytes += bytes;
    this.#makeWhenDue();
  }

  /** Now, for a reason: there is none yet, or what the log says needs another one. */
  async make(): Promise<void> {
    await this.#running;
    await this.#make();
  }

  async close(): Promise<void> {
    await this.#running;
  }

  #makeWhenDue(): void {
    const { clock, log } = this.#needs;
    const isDue = this.#recordBytes >= this.#dueBytes && clock.now() >= this.#notBefore;
    if (!isDue || this.#running !== undefined) return;
    this.#running = this.#make()
      .catch((error: unknown) => {
        // At its end there is no time for one.
        if (isTuttiError(error, 'STORE_CLOSED')) return;
        log.warn('No copy of the store could be put beside its log, which grows', { error });
        this.#notBefore = clock.now() + againMs;
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #make(): Promise<void> {
    const { changeLog, file, copyTo } = this.#needs;
    const before = this.#recordBytes;
    const path = `${file}.copy`;
    removeCopy(path);
    try {
      await copyTo(path);
      const { size } = await stat(path);
      await changeLog.putCopy({
        number: numberOf(path),
        checksum: await checksumOf(partsOf(path)),
        parts: partsOf(path),
      });
      this.#copyBytes = size;
      this.#recordBytes -= before;
      this.#setDue();
    } finally {
      removeCopy(path);
    }
  }

  /** As much is written for copies as for commits, and a start reads at most twice what the store holds. */
  #setDue(): void {
    const { storeRecordsBytes, storeRecordsLimitBytes } = bounds;
    this.#dueBytes = Math.min(Math.max(storeRecordsBytes, this.#copyBytes), storeRecordsLimitBytes / 2);
  }
}

function numberOf(path: string): number {
  using database = openReader(path);
  return Number(database.prepare('SELECT commits FROM store_head').get()?.['commits']);
}

/** Opened when the first is asked for, and closed however it ends. */
async function* partsOf(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: bounds.storePartBytes });
  for await (const part of file as AsyncIterable<Uint8Array>) yield part;
}

async function checksumOf(parts: AsyncIterable<Uint8Array>): Promise<number> {
  let sum = 0;
  for await (const part of parts) sum = crc32(part, sum);
  return sum;
}
