import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkOptions, fillOptions, problemText, shown, unknownKeys } from '../../src/core/options.ts';
import type { OptionTable } from '../../src/core/options.ts';

const table = {
  tries: { kind: 'whole', default: undefined, max: 10, doc: '' },
  wait: { kind: 'whole', default: 500, min: 1, unit: 'ms', doc: '' },
  loud: { kind: 'boolean', default: false, doc: '' },
  host: { kind: 'text', default: 'here', doc: '' },
} as const satisfies OptionTable;

const told = (value: unknown): string[] => checkOptions(table, value, 'a.b').map(problemText);

const refusals: [string, unknown, string[]][] = [
  [
    'a text where a number is wanted',
    { wait: 'three' },
    ['a.b.wait: expected a whole number >= 1, got "three"'],
  ],
  ['a fraction', { wait: 1.5 }, ['a.b.wait: expected a whole number >= 1, got 1.5']],
  ['no number', { wait: Number.NaN }, ['a.b.wait: expected a whole number >= 1, got NaN']],
  [
    'more than a double counts exactly',
    { wait: 2 ** 53 },
    ['a.b.wait: expected a whole number >= 1, got 9007199254740992'],
  ],
  ['beyond the range', { tries: 11 }, ['a.b.tries: expected a whole number from 0 to 10, got 11']],
  ['below zero', { tries: -1 }, ['a.b.tries: expected a whole number from 0 to 10, got -1']],
  ['a yes that is no boolean', { loud: 'yes' }, ['a.b.loud: expected true or false, got "yes"']],
  ['an empty text', { host: '' }, ['a.b.host: expected a text, got ""']],
  ['null', { host: null }, ['a.b.host: expected a text, got null']],
  ['a typo', { wiat: 1 }, ['a.b.wiat: unknown option "wiat"; did you mean "wait"?']],
  ['a name of every object', { toString: 1 }, ['a.b.toString: unknown option "toString"']],
  ['no object at all', [1], ['a.b: expected an object, got a list']],
  [
    'everything at once',
    { x: 1, wait: 0, loud: 1 },
    [
      'a.b.x: unknown option "x"',
      'a.b.wait: expected a whole number >= 1, got 0',
      'a.b.loud: expected true or false, got 1',
    ],
  ],
];
for (const [name, value, expected] of refusals) {
  test(`${name} is refused with its path`, () => {
    assert.deepEqual(told(value), expected);
  });
}

test('nothing, and what is given as undefined, is fine', () => {
  assert.deepEqual([told(undefined), told({}), told({ wait: undefined })], [[], [], []]);
});

test('N-49 `__proto__` is an unknown key and changes no object', () => {
  assert.deepEqual(told(JSON.parse('{"__proto__":{"wait":1}}')), [
    'a.b.__proto__: unknown option "__proto__"',
  ]);
  assert.equal(({} as Record<string, unknown>)['wait'], undefined);
});

test('later layers win, undefined is not given, and the result is frozen', () => {
  const filled = fillOptions(table, { wait: 1, host: 'x' }, undefined, { wait: 2, host: undefined });
  assert.deepEqual(filled, { tries: undefined, wait: 2, loud: false, host: 'x' });
  assert.ok(Object.isFrozen(filled));
});

test('N-85 a value is shown short, on one line, without a control character', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const text = shown(value);
      assert.ok(text.length <= 60);
      assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    }),
  );
  assert.equal(shown('a\u001b[2J\u009b\u202e'), '"a\\u001b[2J\\u009b\\u202e"');
  assert.equal(
    shown(() => 'a\nfunction'),
    'a function',
  );
});

test('N-85 nor does a key bring one along', () => {
  const [problem] = unknownKeys({ '\u001b[2J\u009b': 1 }, ['wait'], '');
  assert.ok(problem);
  assert.equal(problemText(problem), '\\u001b[2J\\u009b: unknown option "\\u001b[2J\\u009b"');
});
