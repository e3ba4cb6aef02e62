import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import { isTuttiError } from '../../../src/core/errors.ts';
import { memoryStateStore } from '../../../src/stores/state/memory-state-store.ts';
import { sqliteStateStore } from '../../../src/stores/state/sqlite-state-store.ts';
import { stateArea } from '../../../src/stores/state/state-area.ts';
import { checkStateStore } from '../../../src/testing/check-state-store.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { StoreFolder, setBound, turns } from '../store-folder.ts';

checkStateStore('memory', () => {
  const clock = fakeClock();
  return {
    store: memoryStateStore(clock),
    advance: (ms) => {
      clock.advance(ms);
    },
    close: () => undefined,
  };
});

checkStateStore('sqlite', () => {
  const folder = new StoreFolder();
  const store = folder.open([stateArea]);
  return {
    store: sqliteStateStore(store),
    advance: (ms) => {
      folder.clock.advance(ms);
    },
    close: async () => {
      await store.close();
      folder[Symbol.dispose]();
    },
  };
});

for (const kind of ['memory', 'sqlite'] as const)
  test(`${kind}: keys and bytes are bounded, what is there may be written over, and what has expired makes room`, async (context) => {
    using folder = new StoreFolder();
    await using store = folder.open([stateArea]);
    const state = kind === 'memory' ? memoryStateStore(folder.clock) : sqliteStateStore(store);
    setBound(context, 'stateEntries', 3);
    setBound(context, 'stateBytes', 100);
    for (const key of ['a', 'b', 'c']) await state.put(key, 1, { ttlMs: 1_000 });
    const isFull = (error: unknown): boolean => isTuttiError(error, 'OVERLOADED');
    await assert.rejects(state.put('d', 1), isFull);
    await assert.rejects(state.put('a', 'x'.repeat(100)), isFull);
    assert.equal((await state.put('a', 'x'.repeat(90), { ttlMs: 1_000 })).stored, true);
    await assert.rejects(state.put('b', 'xxxxxxxx'), isFull);
    assert.equal(await state.delete('c'), true);
    await state.put('d', 1);
    folder.clock.advance(bounds.storeTidyMs);
    await turns(2);
    for (const key of ['e', 'f']) await state.put(key, 1);
    await assert.rejects(state.put('g', 1), isFull);
  });
