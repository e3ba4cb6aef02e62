/**
 * Writes what a process says to its own stdout or stderr. A full disk or a closed terminal must not end a service, nor fail the call that
 * wanted to say something: what could not be written is counted, and said in a line of its own as soon as writing works again.
 * Used by the logger and, through `guardOutputs`, by all that an instance writes to `process.stdout` and `process.stderr`.
 */
import { fstatSync, writeSync } from 'node:fs';

/** A service that falls silent after its loss still says that it had one. */
const tellEveryMs = 1_000;
const warnLevel = 40;
const lineFeed = 10;

class GuardedOutput {
  readonly #fd: number;
  #lost = 0;
  #reason = '';
  /** A line stands there that has no end: what was lost, or who wrote it gave it none. */
  #isMidLine = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Never throws. */
  write(data: string | Uint8Array): void {
    if (!this.#told() || !this.#attempt(data)) this.lose();
  }

  /** Counts one that never came so far as to be written. */
  lose(): void {
    this.#lost += 1;
    this.#timer ??= setInterval(() => this.#told(), tellEveryMs).unref();
  }

  /** Whether nothing is left to tell. */
  #told(): boolean {
    if (this.#lost === 0) return true;
    const msg = 'Output was lost: it could not be written';
    const line = { level: warnLevel, time: Date.now(), count: this.#lost, reason: this.#reason, msg };
    if (!this.#attempt(`${this.#isMidLine ? '\n' : ''}${JSON.stringify(line)}\n`)) return false;
    this.#lost = 0;
    clearInterval(this.#timer);
    this.#timer = undefined;
    return true;
  }

  #attempt(data: string | Uint8Array): boolean {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      this.#reason = (error as NodeJS.ErrnoException).code ?? 'unknown';
    }
    if (done > 0) this.#isMidLine = bytes[done - 1] !== lineFeed;
    return done === bytes.length;
  }
}

const outputs = new Map<number, GuardedOutput>();

/** One for each descriptor: what is lost on it is counted once. */
export function guardedOutput(fd: 1 | 2): GuardedOutput {
  const output = outputs.get(fd) ?? new GuardedOutput(fd);
  outputs.set(fd, output);
  return output;
}

/**
 * Node throws what a file refuses at whoever wrote to the stream, in the middle of a handler. From now on it goes the guarded way.
 * Only where the output is a file, as the keeper opens it: a pipe may have no room at the moment, which Node knows how to wait for.
 */
export function guardOutputs(): void {
  for (const [fd, stream] of [[1, process.stdout] as const, [2, process.stderr] as const]) {
    stream.on('error', () => undefined);
    if (!fstatSync(fd).isFile()) continue;
    const original = stream.write.bind(stream) as (...given: unknown[]) => boolean;
    const output = guardedOutput(fd);
    const write = (chunk: unknown, ...rest: unknown[]): boolean => {
      const encoding = rest.find((value) => typeof value === 'string') as BufferEncoding | undefined;
      const callback = rest.find((value) => typeof value === 'function') as (() => void) | undefined;
      if (typeof chunk === 'string') output.write(Buffer.from(chunk, encoding));
      else if (chunk instanceof Uint8Array) output.write(chunk);
      else return original(chunk, ...rest);
      if (callback !== undefined) process.nextTick(callback);
      return true;
    };
    stream.write = write;
  }
}
