/**
 * How much memory this process has. Node opens a file to tell, and throws where no descriptor is left: that is no reason to die,
 * and the one sign of it, since libuv closes connections it has no descriptor for without a word. Used by the heartbeat.
 */
interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
}

export class MemoryReading {
  readonly #read: () => Memory;
  readonly #onDescriptors: (areLeft: boolean) => void;
  #last: Memory = { rss: 0, heapUsed: 0 };
  #areLeft = true;

  /** @param onDescriptors is told when none is left, and when there are some again. */
  constructor(onDescriptors: (areLeft: boolean) => void, read: () => Memory = process.memoryUsage) {
    this.#onDescriptors = onDescriptors;
    this.#read = read;
  }

  /** What was read last, where it cannot be read now. */
  now(): Memory {
    try {
      this.#last = this.#read();
      this.#tell(true);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
      this.#tell(false);
    }
    return this.#last;
  }

  #tell(areLeft: boolean): void {
    if (areLeft === this.#areLeft) return;
    this.#areLeft = areLeft;
    this.#onDescriptors(areLeft);
  }
}
