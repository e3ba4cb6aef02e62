import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { isTuttiError } from '../../../src/core/errors.ts';
import type { MutateRequest, Operation } from '../../../src/stores/sqlite/area.ts';
import type { Store } from '../../../src/stores/sqlite/store.ts';
import { ledgerArea } from '../ledger-area.ts';
import { StoreFolder, setBound, turns } from '../store-folder.ts';

const area = 'ledger';
const operation = (number: number, instance = 'api#1', epoch = 1): Operation => ({ instance, epoch, number });
const append = (number: number, asked: Operation): MutateRequest => ({
  area,
  name: 'append',
  input: { number, text: '' },
  operation: asked,
});
const numbers = (store: Store): unknown => store.query({ area, name: 'numbers' });
const refused = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isTuttiError(error, code));

test('a repeated operation changes nothing and gets the first answer: in its turn, later, and of a successor', async () => {
  using folder = new StoreFolder();
  const first = folder.open([ledgerArea]);
  const asked = append(1, operation(7));
  assert.deepEqual(await Promise.all([first.mutate(asked), first.mutate(asked)]), [1, 1]);
  await first.mutate(append(2, operation(8)));
  assert.equal(await first.mutate(asked), 1);
  await first.close();
  await using second = folder.open([ledgerArea]);
  assert.equal(await second.mutate(asked), 1);
  assert.deepEqual(numbers(second), [1, 2]);
  assert.deepEqual([second.stats().operations, second.stats().repeated, second.stats().commits], [2, 1, 0]);
});

test('who is not kept in mind any more, or comes late, is answered all the same', async (context) => {
  setBound(context, 'storeClients', 1);
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const [late, early, other] = [
    append(1, operation(1)),
    append(2, operation(2)),
    append(3, operation(1, 'api#2')),
  ];
  assert.equal(await store.mutate(early), 1);
  assert.equal(await store.mutate(late), 2);
  assert.equal(await store.mutate(other), 3);
  for (const [index, asked] of [early, late, other].entries())
    assert.equal(await store.mutate(asked), index + 1);
  assert.deepEqual(numbers(store), [1, 2, 3]);
});

test('an operation is one of its instance and its epoch', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const asked = [operation(1), operation(1, 'api#2'), operation(1, 'api#1', 2), operation(2)];
  const answers = await Promise.all(asked.map((who, index) => store.mutate(append(index, who))));
  assert.deepEqual(answers, [1, 2, 3, 4]);
});

test('a repeated operation gets the first typed error, with its data', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const asked: MutateRequest = {
    area,
    name: 'refuse',
    input: { entry: { number: 1, text: '' }, code: 'NOT_FOUND' },
    operation: operation(1),
  };
  for (let time = 0; time < 2; time += 1)
    await assert.rejects(store.mutate(asked), (error) => {
      assert.ok(isTuttiError(error, 'NOT_FOUND'));
      assert.deepEqual(
        [error.message, error.http, error.data['what']],
        ['number 1 not found', 404, 'number 1'],
      );
      return true;
    });
  assert.equal(store.stats().repeated, 1);
  assert.deepEqual(numbers(store), []);
});

test('what may be answered otherwise a moment later is not kept: a retryable error, a bug', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const input = { entry: { number: 1, text: '' }, code: 'OVERLOADED' };
  await refused(store.mutate({ area, name: 'refuse', input, operation: operation(1) }), 'OVERLOADED');
  await assert.rejects(
    store.mutate({ area, name: 'break', input: input.entry, operation: operation(1) }),
    TypeError,
  );
  assert.equal(await store.mutate(append(1, operation(1))), 1);
});

test('the same operation with another question is refused', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  await store.mutate(append(1, operation(1)));
  await refused(store.mutate(append(2, operation(1))), 'CONFLICT');
  await refused(store.mutate({ ...append(1, operation(1)), name: 'add' }), 'CONFLICT');
  assert.deepEqual(numbers(store), [1]);
});

test('an operation is known for ten minutes, and then forgotten while nothing else happens', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  for (let number = 0; number < 3; number += 1) await store.mutate(append(number, operation(number)));
  folder.clock.advance(bounds.storeOperationMs - bounds.storeTidyMs);
  await turns(3);
  assert.equal(store.stats().operations, 3);
  assert.equal(await store.mutate(append(0, operation(0))), 1);
  folder.clock.advance(bounds.storeTidyMs);
  await turns(3);
  assert.equal(store.stats().operations, 0);
});

test('under load the old ones go as quickly as new ones come, a few with each commit', async (context) => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const many = (from: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: 100 }, (_none, index) =>
        store.mutate(append(from + index, operation(from + index))),
      ),
    );
  for (let round = 0; round < 5; round += 1) await many(round * 100);
  assert.equal(store.stats().operations, 500);
  setBound(context, 'storeTidyRows', 0);
  folder.clock.advance(bounds.storeOperationMs);
  await many(500);
  assert.equal(store.stats().operations, 600 - 216);
  await many(600);
  await many(700);
  assert.equal(store.stats().operations, 300);
});

test('many that are over go turn by turn while nothing else happens', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const count = 2 * bounds.storeTidyRows + 1;
  const asked = Array.from({ length: count }, (_none, number) =>
    store.mutate(append(number, operation(number))),
  );
  await Promise.all(asked);
  folder.clock.advance(bounds.storeOperationMs);
  await turns(6);
  assert.equal(store.stats().operations, 0);
  assert.ok(store.stats().commits >= 4);
});

test('beyond the bound the oldest are forgotten before their time, and that is counted', async (context) => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  setBound(context, 'storeOperations', 10);
  for (let number = 0; number < 15; number += 1) await store.mutate(append(number, operation(number)));
  assert.deepEqual([store.stats().operations, store.stats().forgottenEarly], [10, 5]);
  assert.equal(await store.mutate(append(14, operation(14))), 15);
});

test('beyond the bound of their answers the oldest are forgotten too', async (context) => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  setBound(context, 'storeOperationBytes', 10_000);
  for (let number = 0; number < 30; number += 1)
    await store.mutate({ area, name: 'answer', input: { bytes: 1_000 }, operation: operation(number) });
  assert.ok(store.stats().operations <= 10, String(store.stats().operations));
  assert.ok(store.stats().forgottenEarly >= 20);
});

test('an answer that is too big to be kept undoes what it answers', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const bytes = bounds.storeAnswerBytes + 1;
  await refused(
    store.mutate({ area, name: 'answer', input: { bytes }, operation: operation(1) }),
    'PAYLOAD_TOO_LARGE',
  );
  assert.equal(store.stats().operations, 0);
  assert.equal(((await store.mutate({ area, name: 'answer', input: { bytes } })) as string).length, bytes);
});

test('what is no operation is refused (N-52)', async () => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  const wrong = [
    operation(-1),
    operation(1.5),
    operation(NaN),
    operation(2 ** 53),
    operation(1, ''),
    operation(1, '\ud800'),
    operation(1, 'x'.repeat(257)),
    operation(1, 'a', -1),
  ];
  for (const asked of wrong) await refused(store.mutate(append(1, asked)), 'INVALID_INPUT');
  assert.deepEqual(numbers(store), []);
});

test('N-107 however many operations there are, as many are known as may be: the file stays as large, and the youngest are safe', async (context) => {
  using folder = new StoreFolder();
  await using store = folder.open([ledgerArea]);
  // A thousandth of the bound, by the code that evicts at the bound.
  const most = bounds.storeOperations / 1_000;
  setBound(context, 'storeOperations', most);
  const round = async (from: number): Promise<void> => {
    const asked = Array.from({ length: most }, (_none, index) =>
      store.mutate({ area, name: 'answer', input: { bytes: 10 }, operation: operation(from + index) }),
    );
    await Promise.all(asked);
  };
  const sizes: number[] = [];
  for (let times = 0; times < 10; times += 1) {
    await round(times * most);
    assert.equal(store.stats().operations, most);
    sizes.push(statSync(folder.store).size);
  }
  assert.equal(store.stats().forgottenEarly, 9 * most);
  const { repeated } = store.stats();
  await round(9 * most);
  assert.equal(store.stats().repeated - repeated, most, 'the youngest are known');
  const last = sizes.at(-1) ?? 0;
  context.diagnostic(`the file has ${String(sizes[2])} bytes after 3 rounds and ${String(last)} after 10`);
  assert.ok(last <= (sizes[2] ?? 0) * 1.25, String(sizes));
});
