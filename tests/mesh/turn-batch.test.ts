/** What one handler asks of the store in one turn goes as one change, and each hears of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError, isTuttiError } from '../../src/core/errors.ts';
import { runWithContext } from '../../src/mesh/context.ts';
import type { CallContext } from '../../src/mesh/context.ts';
import { currentContext } from '../../src/mesh/context.ts';
import { TurnBatches } from '../../src/mesh/turn-batch.ts';
import { setBound } from '../stores/store-folder.ts';

interface Asked {
  readonly group: string;
  readonly items: readonly string[];
  readonly by: string | undefined;
}

/** Notes what was asked for; answers each with itself. @param room items that it takes at all. */
function world(room = Infinity): { readonly asked: Asked[]; readonly batches: TurnBatches<string, string> } {
  const asked: Asked[] = [];
  let taken = 0;
  const batches = new TurnBatches<string, string>({
    ask: (items, group) => {
      asked.push({ group, items, by: currentContext()?.requestId });
      if (taken + items.length > room)
        return Promise.reject(new TuttiError('OVERLOADED', { what: 'The queue', isFull: true }));
      taken += items.length;
      return Promise.resolve(items.map((item) => `${group} ${item}`));
    },
    charsOf: (item) => item.length,
  });
  return { asked, batches };
}

const contextOf = (requestId: string): CallContext => ({
  ...{ requestId, deadline: Infinity, priority: 5, metadata: {}, user: undefined, tenant: undefined },
  ...{ caller: 'test', trace: { traceId: '', spanId: '', sampled: false } },
});

test('what one handler asks for in one turn goes together, by group, and each hears of its own', async () => {
  const { asked, batches } = world();
  const answers = await runWithContext(contextOf('one'), () =>
    Promise.all(['a', 'b'].flatMap((item) => [batches.add('x', item), batches.add('y', item)])),
  );
  assert.deepEqual(answers, ['x a', 'y a', 'x b', 'y b']);
  assert.deepEqual(asked, [
    { group: 'x', items: ['a', 'b'], by: 'one' },
    { group: 'y', items: ['a', 'b'], by: 'one' },
  ]);
});

test('what comes a turn later goes by itself', async () => {
  const { asked, batches } = world();
  await batches.add('x', 'a');
  await batches.add('x', 'b');
  assert.deepEqual(
    asked.map(({ items }) => items),
    [['a'], ['b']],
  );
});

test('handlers share nothing: what each asks for goes in its own context', async () => {
  const { asked, batches } = world();
  const names = ['one', 'two'];
  await Promise.all(names.map((name) => runWithContext(contextOf(name), () => batches.add('x', name))));
  assert.deepEqual(
    asked.map(({ items, by }) => [items, by]),
    [
      [['one'], 'one'],
      [['two'], 'two'],
    ],
  );
});

test('no more go together than so many, and so many characters', async (context) => {
  setBound(context, 'batchItems', 3);
  setBound(context, 'batchChars', 10);
  const { asked, batches } = world();
  const items = ['a', 'b', 'c', 'd', 'e'.repeat(9), 'f'];
  assert.deepEqual(
    await Promise.all(items.map((item) => batches.add('x', item))),
    items.map((item) => `x ${item}`),
  );
  assert.deepEqual(
    asked.map((one) => one.items.join('')),
    ['abc', `d${'e'.repeat(9)}`, 'f'],
  );
});

test('where there is room for some only, those are taken that came first', async () => {
  const { batches } = world(2);
  const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((item) => batches.add('x', item)));
  assert.deepEqual(
    results.map((result) =>
      result.status === 'fulfilled' ? result.value : (result.reason as TuttiError).code,
    ),
    ['x a', 'x b', 'OVERLOADED', 'OVERLOADED'],
  );
});

test('what is refused is refused to all of them', async () => {
  const batches = new TurnBatches<string, string>({
    ask: () => Promise.reject(new TuttiError('STORE_UNREACHABLE')),
    charsOf: () => 1,
  });
  const asked = ['a', 'b'].map((item) => batches.add('x', item));
  for (const one of asked) await assert.rejects(one, (error) => isTuttiError(error, 'STORE_UNREACHABLE'));
});
