import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryReading } from '../../../src/processes/instance/memory-reading.ts';

const failing = (code: string) => (): never => {
  throw Object.assign(new Error(code), { code });
};

test('without a descriptor the last reading stands', () => {
  let read = (): { rss: number; heapUsed: number } => ({ rss: 2, heapUsed: 1 });
  const reading = new MemoryReading(() => read());
  assert.deepEqual(reading.now(), { rss: 2, heapUsed: 1 });
  for (const code of ['EMFILE', 'ENFILE', 'EMFILE']) {
    read = failing(code);
    assert.deepEqual(reading.now(), { rss: 2, heapUsed: 1 });
  }
  read = () => ({ rss: 3, heapUsed: 2 });
  assert.deepEqual(reading.now(), { rss: 3, heapUsed: 2 });
});

test('any other failure is not taken for that', () => {
  const reading = new MemoryReading(failing('EIO'));
  assert.throws(() => reading.now(), { code: 'EIO' });
});
