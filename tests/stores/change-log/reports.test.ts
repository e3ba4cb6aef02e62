/** What an acknowledgement is worth, by the settings of the engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWeaker } from '../../../src/core/ack-class.ts';
import { postgresAck } from '../../../src/stores/change-log/postgres-report.ts';
import { redisAck } from '../../../src/stores/change-log/redis-report.ts';

test('a Redis keeps what its append-only file and its policy say, and no more', () => {
  const always = { appendOnly: true, sync: 'always', maxMemory: 0, policy: 'noeviction' };
  const cases = [
    [always, 'disk'],
    [{ ...always, appendOnly: false }, 'memory'],
    [{ ...always, sync: 'everysec' }, 'memory'],
    [{ ...always, sync: 'no' }, 'process'],
    [{ ...always, sync: undefined }, 'memory'],
    [{ ...always, appendOnly: undefined }, 'memory'],
    [{ ...always, maxMemory: 1_000, policy: 'allkeys-lru' }, 'memory'],
    [{ ...always, maxMemory: 1_000, policy: 'volatile-lru' }, 'disk'],
    [{ ...always, policy: 'allkeys-lru' }, 'disk'],
  ] as const;
  for (const [settings, ack] of cases) assert.equal(redisAck(settings).ack, ack, JSON.stringify(settings));
});

test('a PostgreSQL keeps what its settings say, and no more', () => {
  const usual = {
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    synchronous_standby_names: '',
  };
  const cases = [
    [usual, 'disk'],
    [{ ...usual, synchronous_commit: 'local' }, 'disk'],
    [{ ...usual, synchronous_commit: 'off' }, 'memory'],
    [{ ...usual, fsync: 'off' }, 'process'],
    [{ ...usual, full_page_writes: 'off' }, 'process'],
    [{ ...usual, synchronous_standby_names: '*' }, 'replicated'],
    [{ ...usual, synchronous_standby_names: '*', synchronous_commit: 'remote_apply' }, 'replicated'],
    [{ ...usual, synchronous_standby_names: '*', synchronous_commit: 'remote_write' }, 'disk'],
    [{ ...usual, synchronous_standby_names: '*', synchronous_commit: 'local' }, 'disk'],
  ] as const;
  for (const [settings, ack] of cases) assert.equal(postgresAck(settings).ack, ack, JSON.stringify(settings));
});

test('a class is weaker than those that survive more', () => {
  assert.equal(isWeaker('memory', 'disk'), true);
  assert.equal(isWeaker('process', 'disk'), true);
  assert.equal(isWeaker('disk', 'disk'), false);
  assert.equal(isWeaker('replicated', 'disk'), false);
  assert.equal(isWeaker('disk', 'replicated'), true);
});
