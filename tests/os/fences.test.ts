import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Fences } from '../../src/os/fences.ts';
import { TemporaryFolder } from './temporary-folder.ts';

test('numbers grow, also over the deaths of whoever draws them', () => {
  using folder = new TemporaryFolder();
  const path = folder.file('fence');
  let last = 0;
  for (let life = 0; life < 3; life += 1) {
    const fences = new Fences(path);
    for (let n = 0; n < 1_500; n += 1) {
      const next = fences.next();
      assert.ok(next > last);
      last = next;
    }
  }
  assert.deepEqual(readdirSync(folder.path), ['fence'], 'nothing half-done is left');
});

test('what is no number on disk, and a disk that takes nothing, give none', () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('fence'), 'many');
  assert.throws(() => new Fences(folder.file('fence')).next(), /holds no number/);
  assert.throws(() => new Fences(folder.file('no/such/folder/fence')).next(), /ENOENT/);
});
