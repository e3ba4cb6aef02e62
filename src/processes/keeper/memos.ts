/**
 * What a supervisor leaves to its successor. Opaque to the keeper, bounded, kept in memory: it dies with the app.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';

const appKey = 'app';

export class Memos {
  readonly #values = new Map<string, unknown>();

  /** @throws {TuttiError} `PAYLOAD_TOO_LARGE`, `OVERLOADED`: the memo stays as it was. */
  set(key: string, value: unknown): void {
    if (value === null) {
      this.#values.delete(key);
      return;
    }
    const limitBytes = key === appKey ? bounds.appMemoBytes : bounds.memoBytes;
    if (key.length > limitBytes || Buffer.byteLength(JSON.stringify(value)) > limitBytes) {
      throw new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes });
    }
    // One per slot and the app's own.
    if (!this.#values.has(key) && this.#values.size > bounds.instances) {
      throw new TuttiError('OVERLOADED', { what: 'The keeper' });
    }
    this.#values.set(key, value);
  }

  all(): Record<string, unknown> {
    return Object.fromEntries(this.#values);
  }
}
