/** What the area of durable events refuses, and what it lets go. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { writeKept } from '../../src/mesh/kept-event.ts';
import { eventsArea } from '../../src/stores/event-log/events-area.ts';
import { checksumOf } from '../../src/stores/sqlite/checksum.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { setBound, StoreFolder } from './store-folder.ts';

const area = 'events';
const keep = (store: Store, receivers: string[]): Promise<unknown> => {
  const input = { event: 'a.b', id: '1', key: null, priority: 5, body: writeKept(1, undefined), receivers };
  return store.mutate({ area, name: 'keep', input });
};

test('who has a million events to come is given no more, and nobody gets the one that was refused', async () => {
  using folder = new StoreFolder();
  await folder.open([eventsArea]).close();
  const row = { receiver: 'full', owed: bounds.owedEvents, dead: 0 };
  const sum = checksumOf({ name: 'event_receivers', key: ['receiver'], content: ['owed', 'dead'] }, row);
  const database = new DatabaseSync(folder.store);
  database.prepare('INSERT INTO event_receivers VALUES (?, ?, ?, ?)').run('full', row.owed, 0, sum);
  database.close();
  await using store = folder.open([eventsArea]);
  await assert.rejects(keep(store, ['mailer', 'full']), { code: 'OVERLOADED' });
  assert.deepEqual(store.query({ area, name: 'receivers' }), [row]);
  assert.equal(await keep(store, ['mailer']), 1);
});

test('a payload that is too large, or none at all, is refused before it is sent', () => {
  const text = 'x'.repeat(bounds.keptEventBytes);
  assert.throws(() => writeKept(text, undefined), { code: 'PAYLOAD_TOO_LARGE' });
  assert.throws(() => writeKept(undefined, undefined), { code: 'INVALID_INPUT' });
});

test('a reason that is cut within a character is no damage', async (context) => {
  setBound(context, 'deadEventError', 3);
  using folder = new StoreFolder();
  await using store = folder.open([eventsArea]);
  const seq = await keep(store, ['mailer']);
  const input = { receiver: 'mailer', seq, end: 'dead', error: 'ab😀' };
  await store.mutate({ area, name: 'settle', input });
  const [dead] = store.query({
    ...{ area, name: 'dead' },
    input: { receiver: 'mailer', after: 0, limit: 1 },
  }) as { error: string }[];
  assert.equal(dead?.error, 'ab\ufffd');
});
