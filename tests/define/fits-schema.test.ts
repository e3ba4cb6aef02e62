/** A value against a JSON Schema of the manifest: what is told, and what is left to the schema itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { misfits } from '../../src/define/fits-schema.ts';
import { toJsonSchema } from '../../src/define/schema.ts';

const Order = z.object({
  to: z.email(),
  lines: z.array(z.object({ product: z.string().min(1), count: z.int().positive() })),
  note: z.string().default(''),
});
const order = { to: 'a@b.no', lines: [{ product: 'tea', count: 1 }] };

test('what fits its schema fits what the manifest says of it, and each place that does not is told once', async () => {
  const schema = toJsonSchema(Order, 'input');
  assert.deepEqual(await misfits(schema, order), []);
  const wrong = {
    to: 'nobody',
    lines: [
      { product: '', count: 1 },
      { product: 'tea', count: 0.5 },
    ],
  };
  const places = (await misfits(schema, wrong)).map(({ path }) => path);
  assert.deepEqual(places, ['to', 'lines.0.product', 'lines.1.count']);
  assert.deepEqual(
    (await misfits(schema, null)).map(({ path }) => path),
    [''],
  );
});

test('a schema that says what cannot be read here refuses nothing', async () => {
  assert.deepEqual(await misfits({ type: 'object', if: {}, then: false }, 5), []);
  assert.deepEqual(await misfits({ $ref: 'https://example.org/other' }, 5), []);
});
