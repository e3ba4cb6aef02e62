/** A store that is kept elsewhere, opened and opened again, with nothing of it on this disk in between. */
import { randomUUID } from 'node:crypto';
import type { Area } from '../../../src/stores/sqlite/area.ts';
import type { ChangeLog } from '../../../src/stores/change-log/change-log.ts';
import type { KeptStore } from '../../../src/stores/change-log/open-kept-store.ts';
import { openKeptStore } from '../../../src/stores/change-log/open-kept-store.ts';
import type { AckClass } from '../../../src/core/ack-class.ts';
import type { Clock } from '../../../src/core/ports.ts';
import { systemClock } from '../../../src/os/clock.ts';
import { ledgerArea } from '../ledger-area.ts';
import { StoreFolder } from '../store-folder.ts';

export interface Opening {
  readonly areas?: readonly Area[];
  readonly seat?: string;
  readonly requireAck?: AckClass;
  readonly clock?: Clock;
}

export class KeptWorld extends StoreFolder implements AsyncDisposable {
  readonly failures: Error[] = [];
  readonly #opened: KeptStore[] = [];
  #openings = 0;

  async openKept(
    changeLog: ChangeLog,
    { areas = [ledgerArea], seat = 'here', ...more }: Opening = {},
  ): Promise<KeptStore> {
    this.#openings += 1;
    const opened = await openKeptStore({
      changeLog,
      areas,
      clock: more.clock ?? systemClock,
      log: this.log,
      owner: { claim: randomUUID(), seat, label: `whoever sits ${seat}` },
      folder: this.file(`copy-${String(this.#openings)}`),
      requireAck: more.requireAck,
      onFailure: (error) => this.failures.push(error),
    });
    this.#opened.push(opened);
    return opened;
  }

  /** Also of a test that failed, which would else not end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#opened.map((opened) => opened.close()));
    this[Symbol.dispose]();
  }
}

export const add = (kept: KeptStore, number: number, text = 'a text'): Promise<unknown> =>
  kept.store.mutate({ area: 'ledger', name: 'add', input: { number, text } });
export const numbers = (kept: KeptStore): number[] =>
  kept.store.query({ area: 'ledger', name: 'numbers' }) as number[];
export const upTo = (last: number): number[] => Array.from({ length: last }, (_none, index) => index + 1);
