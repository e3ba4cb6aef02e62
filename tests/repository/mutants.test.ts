/** `npm run test:sabotage` takes long; that its table still fits the source is cheap to see. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { mutants } from '../sabotage/mutants.ts';

const root = resolve(import.meta.dirname, '../..');
const testFiles = globSync(['tests/**/*.test.ts', 'examples/**/*.test.ts'], { cwd: root });

test('the text of every mutant is in its file exactly once, and what takes its place is TypeScript', () => {
  for (const { promise, file, find, replace } of mutants) {
    const text = readFileSync(resolve(root, file), 'utf8');
    assert.equal(text.split(find).length - 1, 1, `${promise}: ${find}`);
    assert.notEqual(find, replace, promise);
    assert.doesNotThrow(() => stripTypeScriptTypes(text.replace(find, () => replace)), promise);
  }
});

test('the tests of every mutant are there', () => {
  for (const { promise, tests, name } of mutants) {
    const files = testFiles.filter((file) => tests.some((word) => file.includes(word)));
    assert.ok(files.length > 0, promise);
    const titles = files.map((file) => readFileSync(resolve(root, file), 'utf8')).join('\n');
    // A title that is put together of several parts cannot be found as a whole; its number can.
    const [number = ''] = /^(fault \d+|N-\d+)?/.exec(name ?? '') ?? [];
    assert.ok(titles.includes(number), `${promise}: no title with ${number}`);
  }
});
