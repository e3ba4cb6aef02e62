/**
 * How much memory this process has. Node opens a file to tell, and throws where no descriptor is left: that is no reason to die.
 * Used by the heartbeat.
 */
interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
}

export class MemoryReading {
  readonly #read: () => Memory;
  #last: Memory = { rss: 0, heapUsed: 0 };

  constructor(read: () => Memory = process.memoryUsage) {
    this.#read = read;
  }

  /** What was read last, where it cannot be read now. */
  now(): Memory {
    try {
      this.#last = this.#read();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
    }
    return this.#last;
  }
}
