/**
 * The number of the last commit that was answered, in a small file beside the store: SQLite takes a log whose tail was cut or changed for one that ends there,
 * and says nothing. Written over in place before each answer, without a sync of its own: true after the death of the process; after a loss of power as old
 * as the last `sync`. It is never ahead of the store, so it gives no false alarm.
 */
import { closeSync, constants, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { TuttiError } from '../../core/errors.ts';
import { ensurePrivateFile } from '../../os/private-file.ts';
import type { Logger } from '../../telemetry/logger.ts';

interface AcknowledgedNeeds {
  /** The store's. */
  readonly file: string;
  /** Of the store: beside another store the number means nothing. */
  readonly id: string;
  readonly log: Logger;
}

const longestLine = 100;

export class Acknowledged {
  readonly #needs: AcknowledgedNeeds;
  readonly #path: string;
  readonly #fd: number;
  #hasFailed = false;

  constructor(needs: AcknowledgedNeeds) {
    this.#needs = needs;
    this.#path = `${needs.file}.acked`;
    ensurePrivateFile(this.#path);
    this.#fd = openSync(this.#path, constants.O_RDWR | constants.O_NOFOLLOW);
  }

  /** @throws {TuttiError} `STORE_CORRUPT` when commits that were answered are not in the store. */
  check(commits: number): void {
    const acknowledged = this.#read();
    if (acknowledged === undefined || acknowledged <= commits) return;
    const name = basename(this.#needs.file);
    const message =
      `${String(acknowledged - commits)} commits of ${name} that were answered are gone: its log ${name}-wal or ${name}.redo was cut or ` +
      `changed, or an older copy was put in its place. Put a backup back, or remove ${this.#path} to go on without them`;
    throw new TuttiError('STORE_CORRUPT', { message, acknowledged, commits });
  }

  write(commits: number): void {
    const text = `${this.#needs.id} ${String(commits).padStart(16, '0')}`;
    this.#try(() => writeSync(this.#fd, `${text} ${sum(text)}\n`, 0));
  }

  /** When there is time for it. */
  sync(): void {
    this.#try(() => {
      fdatasyncSync(this.#fd);
    });
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** What cannot be kept is only said, and once: the commit is safe without it. */
  #try(keep: () => void): void {
    try {
      keep();
    } catch (error) {
      if (!this.#hasFailed)
        this.#needs.log.error('The number of the last commit cannot be kept', { path: this.#path, error });
      this.#hasFailed = true;
    }
  }

  /** Undefined: there is none yet, or it cannot be believed. */
  #read(): number | undefined {
    const bytes = Buffer.alloc(longestLine);
    const line = bytes.toString('latin1', 0, readSync(this.#fd, bytes, 0, longestLine, 0)).trimEnd();
    const [id, commits, check] = line.split(' ');
    if (line === '' || (id !== this.#needs.id && check === sum(`${String(id)} ${String(commits)}`)))
      return undefined;
    if (check === sum(`${this.#needs.id} ${String(commits)}`)) return Number(commits);
    this.#needs.log.warn('The number of the last commit cannot be read', { path: this.#path });
    return undefined;
  }
}

const sum = (text: string): string => crc32(text).toString(16).padStart(8, '0');
