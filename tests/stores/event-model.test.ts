/** What is owed of events, whatever is done to them in whatever order, beside a list that says for each service and event how it stands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeKept } from '../../src/mesh/kept-event.ts';
import type { OwedEvent, OwedPage } from '../../src/stores/event-log/event-owed.ts';
import type { DeliveryEnd } from '../../src/stores/event-log/event-settling.ts';
import type { ReplayPage } from '../../src/stores/event-log/event-replay.ts';
import { eventsArea } from '../../src/stores/event-log/events-area.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { Chance } from '../fuzz/chance.ts';
import { ledgerArea } from './ledger-area.ts';
import { setBound, StoreFolder } from './store-folder.ts';

const area = 'events';
const names = ['mailer', 'audit', 'mail'];
const keys = ['a', 'b', null];
const everything = Number.MAX_SAFE_INTEGER;

interface Standing {
  readonly end: 'owed' | 'dead';
  readonly attempts: number;
}

/** Of one service, by number: what is not there was handled, or is for others. */
type Standings = Map<number, Standing>;

class World {
  readonly chance: Chance;
  readonly keysOf: (string | null)[] = [];
  readonly standings: ReadonlyMap<string, Standings> = new Map(names.map((name) => [name, new Map()]));
  store: Store;

  constructor(chance: Chance, store: Store) {
    this.chance = chance;
    this.store = store;
  }

  of(receiver: string): Standings {
    return this.standings.get(receiver) ?? new Map<number, Standing>();
  }

  some<T>(list: readonly T[]): T {
    return list[this.chance.below(list.length)] as T;
  }

  owed(receiver: string): [number, number][] {
    const owed = [...this.of(receiver)].filter(([, { end }]) => end === 'owed');
    return owed.map(([seq, { attempts }]): [number, number] => [seq, attempts]).sort(([a], [b]) => a - b);
  }

  async keep(): Promise<void> {
    const events = Array.from({ length: 1 + this.chance.below(4) }, () => ({
      ...{ event: 'a.b', id: 'id', priority: 5, body: writeKept('x', undefined) },
      key: this.some(keys),
      receivers: names.filter(() => this.chance.below(2) === 0),
    }));
    const seqs = (await this.store.mutate({ area, name: 'keep', input: { events } })) as number[];
    for (const [index, seq] of seqs.entries()) {
      this.keysOf[seq] = events[index]?.key ?? null;
      for (const name of events[index]?.receivers ?? []) this.of(name).set(seq, { end: 'owed', attempts: 0 });
    }
  }

  /** Mostly of what is owed, and in whatever order. */
  async settle(): Promise<void> {
    const receiver = this.some(names);
    const newest = this.keysOf.length - 1;
    const ends = new Map<number, DeliveryEnd>();
    for (let count = 1 + this.chance.below(4); count > 0; count -= 1) {
      const owed = this.owed(receiver);
      const seq = owed[this.chance.below(owed.length)]?.[0] ?? 1 + this.chance.below(newest + 3);
      const end = this.some(['done', 'done', 'retry', 'dead'] as const);
      ends.set(seq, { seq, end, error: 'Error: no', afterMs: 5 });
    }
    // What is kept meanwhile is none of its affair.
    const standings = new Map(this.of(receiver));
    await this.store.mutate({ area, name: 'settle', input: { receiver, ends: [...ends.values()] } });
    for (const { seq, end } of ends.values()) {
      const before = standings.get(seq);
      if (before?.end !== 'owed') continue;
      if (end === 'done') this.of(receiver).delete(seq);
      else
        this.of(receiver).set(seq, { end: end === 'dead' ? 'dead' : 'owed', attempts: before.attempts + 1 });
    }
  }

  async pass(): Promise<void> {
    const input = { receiver: this.some(names), upTo: this.chance.below(this.keysOf.length + 2) };
    await this.store.mutate({ area, name: 'pass', input });
  }

  async replay(): Promise<void> {
    const receiver = this.some(names);
    const after = this.chance.below(this.keysOf.length + 1);
    const upTo = after + this.chance.below(6);
    const input = { receiver, events: ['a.b'], since: 0, until: everything, after, upTo };
    const { through } = (await this.store.mutate({ area, name: 'replay', input })) as ReplayPage;
    for (let seq = after + 1; seq <= Math.min(through, this.keysOf.length - 1); seq += 1)
      if (this.of(receiver).get(seq)?.end !== 'owed')
        this.of(receiver).set(seq, { end: 'owed', attempts: 0 });
  }

  async redrive(): Promise<void> {
    const receiver = this.some(names);
    // A page each time.
    while (Number(await this.store.mutate({ area, name: 'redrive', input: { receiver } })) > 0);
    for (const [seq, { end }] of this.of(receiver))
      if (end === 'dead') this.of(receiver).set(seq, { end: 'owed', attempts: 0 });
  }

  /** Throws when it has written: all that is beside it is made once more, each apart. */
  async tangled(): Promise<void> {
    const entry = { number: 1, text: '' };
    const broken = this.store.mutate({ area: 'ledger', name: 'break', input: entry });
    await Promise.all([this.settle(), this.keep(), assert.rejects(broken)]);
  }

  async check(): Promise<void> {
    const totals = names.flatMap((receiver) => {
      const dead = [...this.of(receiver).values()].filter(({ end }) => end === 'dead').length;
      return [{ receiver, owed: this.owed(receiver).length, dead }];
    });
    const told = this.store.query({ area, name: 'receivers' }) as typeof totals;
    const isKnown = new Set(told.map(({ receiver }) => receiver));
    const expected = totals.filter(({ receiver }) => isKnown.has(receiver));
    assert.deepEqual(
      told,
      expected.sort((one, other) => (one.receiver < other.receiver ? -1 : 1)),
    );
    for (const receiver of names) await this.checkOne(receiver);
  }

  async checkOne(receiver: string): Promise<void> {
    const owed = this.owed(receiver);
    for (const key of ['a', 'b']) {
      const next = owed.find(([seq]) => this.keysOf[seq] === key)?.[0];
      // What is behind the horizon is not looked for: nobody has seen it.
      const { horizon } = this.page(receiver, 0);
      const input = { receiver, key, upTo: Math.min(horizon, everything) };
      const found = this.store.query({ area, name: 'nextOfKey', input }) as OwedEvent | undefined;
      assert.equal(found?.seq, next !== undefined && next <= horizon ? next : undefined, `of ${key}`);
    }
    const oldest = this.store.query({ area, name: 'oldest', input: { receiver, from: 0 } });
    assert.equal((oldest as { seq: number } | undefined)?.seq, owed[0]?.[0]);
    assert.deepEqual(await this.read(receiver), owed, receiver);
  }

  page(receiver: string, after: number): OwedPage {
    const input = { receiver, after, upTo: everything, limit: 250 };
    return this.store.query({ area, name: 'owed', input }) as OwedPage;
  }

  async read(receiver: string): Promise<[number, number][]> {
    const read: [number, number][] = [];
    for (let after = 0; ;) {
      const page = this.page(receiver, after);
      for (const { seq, attempts } of page.events) read.push([seq, attempts]);
      if (page.isLast) return read;
      if (page.through === page.horizon)
        await this.store.mutate({ area, name: 'pass', input: { receiver, upTo: page.through } });
      after = page.through;
    }
  }
}

for (let seed = 1; seed <= 8; seed += 1)
  test(`what is owed is what should be, after whatever was done, seed ${String(seed)}`, async (context) => {
    const chance = new Chance(seed);
    setBound(context, 'eventsAhead', 3 + chance.below(20));
    setBound(context, 'eventPage', 3 + chance.below(5));
    using folder = new StoreFolder();
    const open = (): Store => folder.open([eventsArea, ledgerArea]);
    const world = new World(chance, open());
    const deeds = [
      'keep',
      'keep',
      'settle',
      'settle',
      'settle',
      'pass',
      'replay',
      'redrive',
      'tangled',
    ] as const;
    try {
      await world.keep();
      for (let step = 0; step < 120; step += 1) {
        await world[world.some(deeds)]();
        if (chance.below(10) === 0) {
          await world.store.close();
          world.store = open();
        }
        await world.check();
      }
      assert.equal((await world.store.verify()).isSound, true);
    } finally {
      await world.store.close();
    }
  });
