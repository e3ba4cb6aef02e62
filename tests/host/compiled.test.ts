import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { Schema } from '../../src/define/schema.ts';
import { compiled } from '../../src/host/compiled.ts';
import { validator } from '../../src/host/validate.ts';

const Order = z.object({
  id: z.int().positive(),
  note: z.string().max(5).default('none'),
  at: z.coerce.date(),
  lines: z.array(z.object({ sku: z.string().regex(/^a/), count: z.int() })).min(1),
  kind: z.discriminatedUnion('type', [
    z.object({ type: z.literal('gift'), to: z.string() }),
    z.strictObject({ type: z.literal('own') }),
  ]),
});

const good = { id: 1, at: '2026-01-01', lines: [{ sku: 'a', count: 2, more: 1 }], kind: { type: 'own' } };
const values: readonly unknown[] = [
  good,
  { ...good, id: 1.5, note: 'far too long' },
  { ...good, lines: [{ sku: 'b', count: '2' }] },
  { ...good, kind: { type: 'own', to: 'nobody' } },
  { ...good, kind: { type: 'gift', to: 'ann', more: 1 } },
  JSON.parse('{ "__proto__": { "id": 1 } }'),
  undefined,
  [good],
];

/** Counts what is asked of the schema itself. */
function counted(schema: Schema): { readonly schema: Schema; readonly asked: () => number } {
  const standard = schema['~standard'];
  let asked = 0;
  const validate: typeof standard.validate = (value) => {
    asked += 1;
    return standard.validate(value);
  };
  const seen = Object.assign(Object.create(schema) as object, { '~standard': { ...standard, validate } });
  return { schema: seen, asked: () => asked };
}

test('a schema of zod that is used often is compiled, and says what it said before', async () => {
  const { schema, asked } = counted(Order);
  const validate = validator(schema);
  const before = values.map((value) => validate(value));
  while (asked() < 100) void validate(good);
  while (asked() < 1_000) {
    const was = asked();
    void validate(good);
    if (asked() === was) break;
    await new Promise(setImmediate);
  }
  assert.ok(asked() < 1_000, 'it is asked itself for ever');
  assert.deepEqual(
    values.map((value) => validate(value)),
    before,
  );
});

test('a schema that is used a few times is not compiled', async () => {
  const { schema, asked } = counted(Order);
  const validate = validator(schema);
  for (let use = 0; use < 50; use += 1) {
    void validate(good);
    await new Promise(setImmediate);
  }
  assert.equal(asked(), 50);
});

test('a schema whose checks take time goes on taking it', async () => {
  const slow = z.object({ id: z.int().refine((id) => Promise.resolve(id > 1)) });
  const validate = await compiled(slow);
  assert.deepEqual(await validate?.({ id: 2 }), { value: { id: 2 } });
  assert.equal((await validate?.({ id: 1 }))?.issues?.length, 1);
});

test('a schema of another library, or of another copy of zod, stays as it is', async () => {
  const other: Schema = {
    '~standard': { version: 1, vendor: 'other', validate: (value) => ({ value }) },
  };
  assert.equal(await compiled(other), undefined);
  const copy = { '~standard': Order['~standard'], _zod: { constr: () => undefined } };
  assert.equal(await compiled(copy), undefined);
});
