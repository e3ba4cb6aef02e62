/**
 * Lines that outlive the process that wrote them: a file that is appended to, and the one before it. What a dead writer left
 * unfinished is skipped. Survives SIGKILL of the writer, not the loss of power: it tells a story, it is no promise to a client.
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const append = constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_RDWR;
const newline = 0x0a;

export class EventFile {
  readonly #current: string;
  readonly #previous: string;
  readonly #mostLines: number;
  #fd: number | undefined;
  #lines = 0;

  /** @param mostLines of one file; then it becomes the one before, and what that held is dropped. */
  constructor(directory: string, mostLines: number) {
    [this.#previous, this.#current] = pathsIn(directory);
    this.#mostLines = mostLines;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch {
      // Said when a line cannot be written.
    }
  }

  /** Both files, oldest line first. What cannot be read is not there. */
  read(): string[] {
    const current = linesOf(this.#current);
    this.#lines = current.length;
    return [...linesOf(this.#previous), ...current];
  }

  /** @throws what the system says: disk full, may only be read. Nothing of the line counts as written then. */
  append(line: string): void {
    if (this.#lines >= this.#mostLines) this.#turn();
    const fd = (this.#fd ??= this.#open());
    const bytes = Buffer.from(`${line}\n`);
    const written = writeSync(fd, bytes);
    if (written < bytes.length) {
      // Half a line stands there now: the next one begins anew.
      this.close();
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    }
    this.#lines += 1;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    const fd = openSync(this.#current, append, 0o600);
    const { size } = fstatSync(fd);
    const last = Buffer.alloc(1);
    if (size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== newline) writeSync(fd, '\n');
    return fd;
  }

  #turn(): void {
    this.close();
    renameSync(this.#current, this.#previous);
    this.#lines = 0;
  }
}

/** For who only looks: makes nothing. */
export const readEventLines = (directory: string): string[] => pathsIn(directory).flatMap(linesOf);

/** The one before, and the one that is written. */
function pathsIn(directory: string): [string, string] {
  return [join(directory, 'events.1.jsonl'), join(directory, 'events.jsonl')];
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}
