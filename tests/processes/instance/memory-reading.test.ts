import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryReading } from '../../../src/processes/instance/memory-reading.ts';

const failing = (code: string) => (): never => {
  throw Object.assign(new Error(code), { code });
};

test('without a descriptor the last reading stands, and each change is told once', () => {
  let read = (): { rss: number; heapUsed: number } => ({ rss: 2, heapUsed: 1 });
  const told: boolean[] = [];
  const reading = new MemoryReading(
    (areLeft) => told.push(areLeft),
    () => read(),
  );
  assert.deepEqual(reading.now(), { rss: 2, heapUsed: 1 });
  assert.deepEqual(told, []);
  for (const code of ['EMFILE', 'ENFILE', 'EMFILE']) {
    read = failing(code);
    assert.deepEqual(reading.now(), { rss: 2, heapUsed: 1 });
  }
  assert.deepEqual(told, [false]);
  read = () => ({ rss: 3, heapUsed: 2 });
  assert.deepEqual([reading.now(), reading.now()].at(-1), { rss: 3, heapUsed: 2 });
  assert.deepEqual(told, [false, true]);
});

test('any other failure is not taken for that', () => {
  const reading = new MemoryReading(() => undefined, failing('EIO'));
  assert.throws(() => reading.now(), { code: 'EIO' });
});
