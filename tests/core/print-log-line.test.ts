import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine } from '../../src/core/log-line.ts';
import { logLineJson, printLogLine } from '../../src/core/print-log-line.ts';

const own = new URL('../../src/host/actions.ts', import.meta.url).href;
const stack = [
  'TypeError: odd thing',
  '    at run (file:///home/ada/shop/services/users.ts:9:13)',
  `    at handle (${own}:4:5)`,
  '    at async file:///home/ada/lib/db.ts:1:2',
  '    at process.processTicksAndRejections (node:internal/process/task_queues:103:5)',
].join('\n');

const line = (more: Partial<LogLine>): LogLine => ({
  ...{ seq: 1, time: 0, level: 'error', instance: 'users#1@1', service: 'users', message: 'It failed' },
  ...more,
});
const printed = (more: Partial<LogLine>): string =>
  printLogLine(line(more), (_style, text) => text, '/home/ada/shop').slice('00:00:00.000 '.length);

test('an error among the fields is its first line there, and its own frames below, with short paths', () => {
  assert.equal(
    printed({ fields: { error: stack, orderId: 17 } }),
    [
      'ERROR users#1@1  It failed error="TypeError: odd thing" orderId=17',
      '        at run (services/users.ts:9:13)',
      '        at async file:///home/ada/lib/db.ts:1:2',
      '        (and 2 frames of Node and Tutti)',
    ].join('\n'),
  );
});

test('a trace on stderr is shown so too; one that has no other frames keeps them', () => {
  const of = (text: string): string[] =>
    printed({ message: 'TypeError: odd thing', stack: text }).split('\n');
  assert.deepEqual(of(stack).slice(1), [
    '        at run (services/users.ts:9:13)',
    '        at async file:///home/ada/lib/db.ts:1:2',
    '        (and 2 frames of Node and Tutti)',
  ]);
  const inNode = 'TypeError: odd thing\n    at node:internal/x:1:1\n    at foo (node:fs:1:1)';
  assert.equal(of(inNode).length, 3);
});

test('a text with line ends that is no trace stays on its line, and no control character gets through', () => {
  assert.equal(printed({ fields: { text: 'a\nb at c' } }), 'ERROR users#1@1  It failed text="a\\nb at c"');
  const forged = 'Error: x\n    at a (/b.ts:1:1)\u001b[31m\r';
  assert.doesNotMatch(printed({ fields: { error: forged } }), /[\u001b\r]/);
});

test('the last lines of a process are in the JSON of what the supervisor says; other fields of that name are shown', () => {
  const fields = { failures: 4, lastLines: ['TypeError: odd'] };
  const ours = { instance: 'supervisor', service: 'supervisor', fields };
  assert.equal(printed(ours), 'ERROR supervisor It failed failures=4');
  assert.match(logLineJson(line(ours)), /"lastLines":\["TypeError: odd"\]/);
  assert.match(printed({ fields }), /lastLines=/);
});
