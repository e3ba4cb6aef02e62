/** Texts of path and query as values of the schema. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { toJsonSchema } from '../../../src/define/schema.ts';
import { parseJsonBody } from '../../../src/services/gateway/body-guard.ts';
import { makeInputReader } from '../../../src/services/gateway/route-input.ts';

const read = (schema: z.ZodType, query: string): Record<string, unknown> =>
  makeInputReader(toJsonSchema(schema, 'input'))({}, query, {});

const cases: readonly [string, z.ZodType, string, unknown][] = [
  ['a whole number', z.int(), '12', 12],
  ['a negative one', z.int(), '-12', -12],
  ['a whole number with a leading zero', z.int(), '012', '012'],
  ['a whole number that is none', z.int(), '1.0', '1.0'],
  ['a whole number that no double holds', z.int(), '9007199254740993', '9007199254740993'],
  ['a number', z.number(), '-1.5e3', -1500],
  ['a number that is infinite', z.number(), '1e999', '1e999'],
  ['hexadecimal', z.number(), '0x10', '0x10'],
  ['spaces', z.number(), ' 1', ' 1'],
  ['nothing', z.number(), '', ''],
  ['true', z.boolean(), 'true', true],
  ['a boolean in other letters', z.boolean(), 'TRUE', 'TRUE'],
  ['a text of digits', z.string(), '12', '12'],
  ['digits where a text is allowed too', z.union([z.number(), z.string()]), '12', '12'],
  ['a number or null', z.number().nullable(), '12', 12],
  ['an optional number with a default', z.int().default(3).optional(), '12', 12],
  ['a literal', z.literal(12), '12', 12],
  ['a coerced number', z.coerce.number(), '12', 12],
  ['a date', z.date(), '2026-01-01', '2026-01-01'],
  ['a list of one', z.array(z.int()), '12', [12]],
  ['a list of booleans or numbers', z.array(z.union([z.int(), z.boolean()])), 'true', [true]],
];
for (const [what, schema, text, value] of cases) {
  test(`${what} reads as ${JSON.stringify(value)}`, () => {
    assert.deepEqual(read(z.object({ a: schema }), `a=${encodeURIComponent(text)}`), { a: value });
  });
}

test('an object of alternatives has the fields of all', () => {
  const either = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a'), x: z.int() }),
    z.object({ kind: z.literal('b'), y: z.boolean() }),
  ]);
  assert.deepEqual(read(either, 'kind=a&x=1'), { kind: 'a', x: 1 });
  assert.deepEqual(read(either, 'kind=b&y=true'), { kind: 'b', y: true });
});

test('a schema that refers to itself is read', () => {
  const tree = z.object({
    id: z.int(),
    get parent() {
      return tree.optional();
    },
  });
  assert.deepEqual(read(tree, 'id=1&parent=2'), { id: 1, parent: '2' });
});

test('a name twice is refused unless a list is wanted, and so is a name in two places', () => {
  const schema = z.object({ a: z.int(), list: z.array(z.int()) });
  assert.deepEqual(read(schema, 'list=1&list=2'), { list: [1, 2] });
  assert.throws(() => read(schema, 'a=1&a=2'), { code: 'INVALID_INPUT' });
  const reader = makeInputReader(toJsonSchema(schema, 'input'));
  assert.throws(() => reader({ a: '1' }, 'a=1', {}), { code: 'INVALID_INPUT' });
  assert.throws(() => reader({ a: '1' }, '', { a: 1 }), { code: 'INVALID_INPUT' });
  assert.throws(() => reader({}, 'a=1', { a: 1 }), { code: 'INVALID_INPUT' });
});

test('names of Object.prototype are names like others', () => {
  assert.deepEqual(read(z.object({}), 'toString=1&hasOwnProperty=2&constructor=3'), {
    toString: '1',
    hasOwnProperty: '2',
    constructor: '3',
  });
});

test('N-112 the worst body of 1 MiB is read in linear time', () => {
  const worst = [
    `{"a":[${'{"b":[]},'.repeat(110_000)}0]}`,
    `{"a":[${'1,'.repeat(500_000)}1]}`,
    `{"a":"${'\\"'.repeat(500_000)}"}`,
    `{"a":"${'x'.repeat(1_000_000)}"}`,
    `{"a":["${'__proto__","'.repeat(80_000)}"]}`,
    ':'.repeat(1_000_000),
    '"'.repeat(1_000_000),
  ];
  for (const text of worst) {
    const bytes = Buffer.from(text);
    const before = process.cpuUsage();
    try {
      parseJsonBody(bytes);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'INVALID_INPUT');
    }
    const { user, system } = process.cpuUsage(before);
    // Tens of milliseconds; ten times that when coverage counts each step. What is quadratic takes minutes.
    assert.ok(user + system < 1_500_000, `${text.slice(0, 20)}: ${String((user + system) / 1_000)} ms`);
  }
});
