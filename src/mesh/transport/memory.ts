/**
 * Bytes inside one process: for tests and for running an app in one process. One object is one network.
 * It copies what is written and delivers it in a later turn of the event loop, in order, as a socket would.
 */
import { TuttiError } from '../../core/errors.ts';
import type { Connection, Transport } from './transport.ts';

type Accept = (connection: Connection) => void;

export function memoryTransport(): Transport {
  const listeners = new Map<string, Accept>();
  return {
    listen: (address, accept) => {
      listeners.set(address, accept);
      return Promise.resolve({
        close: () => {
          if (listeners.get(address) === accept) listeners.delete(address);
          return Promise.resolve();
        },
      });
    },
    connect: (address) => {
      const accept = listeners.get(address);
      if (accept === undefined)
        return Promise.reject(new TuttiError('CONNECTION_REFUSED', { reason: 'ENOENT' }));
      const near = new MemoryEnd();
      const far = new MemoryEnd();
      near.join(far);
      far.join(near);
      accept(far);
      return Promise.resolve(near);
    },
  };
}

class MemoryEnd implements Connection {
  pendingBytes = 0;
  #other: MemoryEnd | undefined;
  #receive: ((chunk: Buffer) => void) | undefined;
  #closed: (() => void) | undefined;
  #drained: (() => void) | undefined;
  /** `ending`: nothing more is written; `gone`: nothing more arrives. */
  #state: 'open' | 'ending' | 'gone' = 'open';

  join(other: MemoryEnd): void {
    this.#other = other;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    const copy = Buffer.from(bytes);
    this.pendingBytes += copy.length;
    setImmediate(() => {
      this.pendingBytes -= copy.length;
      if (this.#state === 'gone') return;
      this.#other?.take(copy);
      if (this.pendingBytes === 0) this.#drained?.();
    });
    return false;
  }

  take(chunk: Buffer): void {
    if (this.#state !== 'gone') this.#receive?.(chunk);
  }

  onData(receive: (chunk: Buffer) => void): void {
    this.#receive = receive;
  }

  onDrain(drained: () => void): void {
    this.#drained = drained;
  }

  onClose(closed: () => void): void {
    this.#closed = closed;
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    // Immediates run in order: all that was written is there before this.
    setImmediate(() => {
      this.#close();
    });
  }

  destroy(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    setImmediate(() => {
      this.#closed?.();
      this.#other?.lose();
    });
  }

  /** The other end is gone. */
  lose(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#closed?.();
  }

  #close(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#closed?.();
    this.#other?.lose();
  }
}
