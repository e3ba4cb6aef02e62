import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { printLogLine } from '../../src/core/print-log-line.ts';
import { readLogLine } from '../../src/telemetry/read-log-line.ts';
import type { LineOrigin } from '../../src/telemetry/read-log-line.ts';

const origin: LineOrigin = { instance: 'users#1@3', service: 'users', stream: 'stdout', now: 5 };
const known = { instance: 'users#1@3', service: 'users' };

test('a line of our logger has its level, time, fields and request id', () => {
  const text =
    '{"level":40,"time":7,"service":"x","instance":"y","pid":1,"requestId":"r","userId":2,"msg":"Odd"}';
  assert.deepEqual(readLogLine(text, origin), {
    time: 7,
    level: 'warn',
    ...known,
    message: 'Odd',
    requestId: 'r',
    fields: { userId: 2 },
  });
});

test('any other text is a message, an error when it came from stderr', () => {
  assert.deepEqual(readLogLine('hello', origin), {
    time: 5,
    level: 'info',
    ...known,
    message: 'hello',
    stream: 'stdout',
  });
  assert.equal(readLogLine('hello', { ...origin, stream: 'stderr' }).level, 'error');
});

const fakes: [string, string][] = [
  ['a date that no calendar has', '{"level":30,"time":1e300,"msg":"x"}'],
  ['a time that is a text', '{"level":30,"time":"now","msg":"x"}'],
  ['no message', '{"level":30,"time":1}'],
  ['half an object', '{"level":30,"time":1,"msg":"x'],
  [
    'lists in lists in lists',
    `{"level":30,"time":1,"msg":"x","a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  ],
];
for (const [name, text] of fakes) {
  test(`N-85 what looks like ours but has ${name} is a text like others, and can be shown`, () => {
    const line = readLogLine(text, origin);
    assert.equal(line.message, text);
    printLogLine(line, (_style, words) => words);
    JSON.stringify(line);
  });
}

test('N-49 a field named __proto__ is a field', () => {
  const { fields } = readLogLine('{"level":30,"time":1,"msg":"x","__proto__":{"isAdmin":true}}', origin);
  assert.ok(fields && Object.hasOwn(fields, '__proto__'));
  assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
});

test('N-85 whatever a service prints, it is one line without a control character, from who wrote it', () => {
  const json = fc.json().map((value) => `{"level":30,"time":1,"msg":"m","a":${value}}`);
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), json), (text) => {
      const line = readLogLine(text, origin);
      assert.deepEqual([line.instance, line.service], ['users#1@3', 'users']);
      assert.doesNotMatch(
        printLogLine(line, (_style, words) => words),
        /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e]/,
      );
    }),
  );
});
