import { memoryStateStore } from '../../../src/stores/state/memory-state-store.ts';
import { sqliteStateStore } from '../../../src/stores/state/sqlite-state-store.ts';
import { stateArea } from '../../../src/stores/state/state-area.ts';
import { checkStateStore } from '../../../src/testing/check-state-store.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { StoreFolder } from '../store-folder.ts';

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
