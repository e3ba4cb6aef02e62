import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedFiles, mergeFiles, whoIsTouched } from '../../src/core/changed-files.ts';

const marks = (text: string): Map<string, string> =>
  new Map(text.split(' ').map((pair) => pair.split('=') as [string, string]));

test('changed is what is new or not what it was; what nobody knows any more is not', () => {
  assert.deepEqual(changedFiles(marks('a=1 b=1 gone=1'), marks('a=1 b=2 new=1')), ['b', 'new']);
  assert.deepEqual(changedFiles(marks('a=1'), marks('a=1')), []);
});

test('a file touches all who are made of it, and nobody else', () => {
  const files = new Map([
    ['users', ['users.ts', 'shared.ts']],
    ['orders', ['orders.ts', 'shared.ts']],
    ['mail', ['mail.ts']],
  ]);
  assert.deepEqual([...whoIsTouched(files, ['shared.ts']).keys()], ['users', 'orders']);
  assert.deepEqual([...whoIsTouched(files, ['mail.ts', 'other.ts'])], [['mail', ['mail.ts']]]);
  assert.deepEqual([...whoIsTouched(files, ['other.ts'])], []);
});

test('merged are the files of both, each once', () => {
  const merged = mergeFiles(
    new Map([
      ['a', ['1', '2']],
      ['b', ['3']],
    ]),
    new Map([
      ['a', ['2', '4']],
      ['c', ['5']],
    ]),
  );
  assert.deepEqual(
    [...merged],
    [
      ['a', ['1', '2', '4']],
      ['b', ['3']],
      ['c', ['5']],
    ],
  );
});
