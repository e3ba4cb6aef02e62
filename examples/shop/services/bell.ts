/**
 * Wakes those who wait for something new. It carries nothing: whoever wakes looks for itself what there is, so that a ring that was not
 * heard, or one too many, does no harm.
 */
export class Bell {
  readonly #waiting = new Set<() => void>();

  ring(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Until it rings, the signal aborts, or so much time has passed. */
  wait(signal: AbortSignal, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener('abort', wake);
      this.#waiting.add(wake);
      if (signal.aborted) wake();
    });
  }
}
