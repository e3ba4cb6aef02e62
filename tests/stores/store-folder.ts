/** A folder with a store in it, gone afterwards; and an area to try the engine with. */
import type { TestContext } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import type { Area } from '../../src/stores/sqlite/area.ts';
import { openStore } from '../../src/stores/sqlite/open-store.ts';
import type { OpenStoreNeeds } from '../../src/stores/sqlite/open-store.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { TemporaryFolder } from '../os/temporary-folder.ts';
import { Replica } from './replica.ts';

export class StoreFolder extends TemporaryFolder {
  readonly clock = fakeClock();
  /** Sentences, each behind its level. */
  readonly said: string[] = [];
  readonly log: Logger = {
    debug: (sentence) => this.said.push(`debug ${sentence}`),
    info: (sentence) => this.said.push(`info ${sentence}`),
    warn: (sentence) => this.said.push(`warn ${sentence}`),
    error: (sentence) => this.said.push(`error ${sentence}`),
  };

  get store(): string {
    return this.file('store.db');
  }

  readonly #replicas: Replica[] = [];

  open(areas: readonly Area[], more: Partial<OpenStoreNeeds> = {}): Store {
    const { store: file, clock, log } = this;
    if (process.env['TUTTI_TEST_STORE'] !== 'replica') return openStore({ file, areas, clock, log, ...more });
    const replica = new Replica(`${file}.replica-${String(this.#replicas.length)}`);
    this.#replicas.push(replica);
    const store = openStore({ file, areas, clock, log, keptBy: replica, ...more });
    replica.begin(file);
    return store;
  }

  override [Symbol.dispose](): void {
    // A store that was opened again went on from there.
    this.#replicas.at(-1)?.check();
    super[Symbol.dispose]();
  }
}

/** Whoever waits for what happens at the end of turns. */
export const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await new Promise(setImmediate);
};

/** A bound that a test can reach. */
export function setBound(context: TestContext, name: keyof typeof bounds, value: number): void {
  const table = bounds as Record<string, number>;
  const before = bounds[name];
  table[name] = value;
  context.after(() => (table[name] = before));
}
