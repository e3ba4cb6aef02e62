/** Changes whose input is made when their commit begins. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ledgerArea } from '../ledger-area.ts';
import { StoreFolder } from '../store-folder.ts';

const entry = (number: number): object => ({ number, text: `number ${String(number)}` });

test('what is changed late has all that came before the commit, and is asked for once, even when all is made once more', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const asked: number[] = [];
  let number = 1;
  const late = store.mutateLate({
    ...{ area: 'ledger', name: 'add' },
    input: () => {
      asked.push(number);
      return entry(number);
    },
  });
  // Throws when it has written: all beside it are made once more, each apart.
  const broken = store.mutate({ area: 'ledger', name: 'break', input: entry(9) });
  number = 2;
  assert.deepEqual(asked, []);
  assert.equal(await late, 2);
  await assert.rejects(broken);
  assert.deepEqual(asked, [2]);
  assert.deepEqual(store.query({ area: 'ledger', name: 'numbers' }), [2]);
});

test('nothing is asked for of a change that nobody knows, or of a store that is closed', async () => {
  using folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  const input = (): never => assert.fail('it was asked for');
  await assert.rejects(store.mutateLate({ area: 'ledger', name: 'nothing', input }), {
    code: 'UNKNOWN_ACTION',
  });
  await store.close();
  await assert.rejects(store.mutateLate({ area: 'ledger', name: 'add', input }), { code: 'STORE_CLOSED' });
});
