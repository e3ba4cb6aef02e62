/**
 * How far each spool was dealt with, on disk for a successor and for the next start. Used by `SpoolTails`. A full disk must not end the
 * supervisor: then a successor reads more lines again.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isPlainObject } from '../../core/options.ts';

export class SpoolOffsets {
  readonly #file: string;
  readonly #offsets: Map<string, number>;

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'spool', 'offsets.json');
    this.#offsets = readOffsets(this.#file);
  }

  get(path: string): number {
    return this.#offsets.get(path) ?? 0;
  }

  /**
   * Not forced to the disk: it is for who outlives our process, not the power; and a slow disk must not stop the supervisor's beat.
   * @returns whether it was written.
   */
  save(offsets: ReadonlyMap<string, number>): boolean {
    for (const [path, offset] of offsets) this.#offsets.set(path, offset);
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.#file}.tmp`, JSON.stringify(Object.fromEntries(this.#offsets)), { mode: 0o600 });
      renameSync(`${this.#file}.tmp`, this.#file);
      return true;
    } catch {
      return false;
    }
  }
}

function readOffsets(file: string): Map<string, number> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isPlainObject(value)) return new Map();
    return new Map(
      Object.entries(value).filter(
        (entry): entry is [string, number] => Number.isSafeInteger(entry[1]) && Number(entry[1]) >= 0,
      ),
    );
  } catch {
    return new Map();
  }
}
