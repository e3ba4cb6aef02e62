import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { referencePages } from '../../scripts/docs.ts';

for (const { path, text } of await referencePages()) {
  test(`docs/reference/${basename(path)} is what scripts/docs.ts makes of the tables`, () => {
    assert.equal(readFileSync(path, 'utf8'), text, 'run: node scripts/docs.ts');
  });
}
