import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineJoiner } from '../../src/telemetry/line-joiner.ts';
import type { JoinedLine } from '../../src/telemetry/line-joiner.ts';
import { TemporaryFolder } from '../os/temporary-folder.ts';

function join(text: string, bounds = { lines: 100, chars: 10_000 }): JoinedLine[] {
  const joiner = new LineJoiner(bounds);
  let end = 0;
  const lines = text.split('\n').map((line) => ({ text: line, end: (end += line.length + 1) }));
  return [...lines.flatMap((line) => joiner.push(line)), ...joiner.flush()];
}
const texts = (lines: readonly JoinedLine[]): string[] => lines.map(({ text }) => text);
const all = (lines: readonly JoinedLine[]): string =>
  lines.map(({ text, stack }) => stack ?? text).join('\n');

/** What Node writes to stderr for this program. */
function stderrOf(code: string): string {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('program.cjs'), code);
  return spawnSync(process.execPath, [folder.file('program.cjs')], { encoding: 'utf8' }).stderr.trim();
}

const traces: [string, string, string][] = [
  ['an error that is printed', `console.error(new TypeError('odd'))`, 'TypeError: odd'],
  [
    'an error with a cause and fields',
    `console.error(Object.assign(new Error('odd', { cause: new RangeError('why') }), { code: 'X', list: [1, { a: 2 }] }))`,
    'Error: odd',
  ],
  [
    'several errors in one',
    `console.error(new AggregateError([new Error('a'), new Error('b')], 'two'))`,
    'AggregateError: two',
  ],
  [
    'an error that nobody caught',
    `JSON.parse('no JSON')`,
    `SyntaxError: Unexpected token 'o', "no JSON" is not valid JSON`,
  ],
  ['one with fields that nobody caught', `throw Object.assign(new Error('odd'), { errno: 5 })`, 'Error: odd'],
  ['one whose words have several lines', `throw new Error('one\\n\\ntwo')`, 'Error: one'],
  ['something thrown that is no error', `throw 5`, '5'],
  ['a rejection that nobody caught', `Promise.reject(new Error('late'))`, 'Error: late'],
];
for (const [name, code, message] of traces)
  test(`${name} is one line that says what happened, with all that was written`, () => {
    const written = stderrOf(code);
    assert.ok(written.includes('\n'), written);
    const lines = join(`before\n${written}\nafter`);
    assert.deepEqual(texts(lines), ['before', message, 'after']);
    assert.equal(lines[1]?.stack, written);
    assert.equal(lines[1].end, 'before\n'.length + written.length + 1);
  });

test('lines that have nothing to do with each other stay lines', () => {
  const text = 'one\ntwo\n\n/var/log/x:12\nthree\nfour';
  assert.deepEqual(texts(join(text)), text.split('\n'));
  assert.deepEqual(texts(join('/a.js:1')), ['/a.js:1']);
  assert.deepEqual(texts(join('/a.js:1\n/b.js:2\nend')), ['/a.js:1', '/b.js:2', 'end']);
});

test('a trace behind something that only looked like the place of an error is one all the same', () => {
  assert.deepEqual(texts(join('/var/log/x:12\nError: odd\n    at f (x.js:1:1)\nafter')), [
    '/var/log/x:12',
    'Error: odd',
    'after',
  ]);
});

test('a line of our logger is never joined, and ends what was before', () => {
  const json = '{"level":30,"time":1,"msg":"x"}';
  assert.deepEqual(texts(join(`Error: odd\n${json}\n    at f (x.js:1:1)`)), [
    'Error: odd',
    json,
    '    at f (x.js:1:1)',
  ]);
});

test('a trace without an end is cut at the bound, and nothing of it is lost', () => {
  const long = `Error: odd\n${'    at f (x.js:1:1)\n'.repeat(1_000)}end`;
  const lines = join(long, { lines: 10, chars: 10_000 });
  assert.equal(all(lines), long);
  assert.ok(lines.every(({ stack }) => (stack?.split('\n').length ?? 1) <= 10));
  const wide = join(long, { lines: 1_000, chars: 200 });
  assert.equal(all(wide), long);
  assert.ok(wide.every(({ text, stack }) => (stack ?? text).length <= 200));
});

test('whatever is written, every character of it is in one line, in order', () => {
  const line = fc.constantFrom(
    'a',
    '',
    '  b',
    '}',
    '/x:1',
    '^',
    'Error: x',
    '    at f',
    'Node.js v24',
    '{"level":30',
  );
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 6 }),
      (written, most) => {
        const text = written.join('\n');
        const lines = join(text, { lines: most, chars: 10_000 });
        assert.equal(all(lines), text);
        assert.ok(lines.every(({ end }, n) => end > (lines[n - 1]?.end ?? 0)));
      },
    ),
  );
});
