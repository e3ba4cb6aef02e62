import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChange, writeChange } from '../../src/mesh/store-change.ts';

const change = { origin: '1z.2y', number: 7 };
const ask = { area: 'events', name: 'keep', input: { text: 'a line\nand "another" — ü', list: [1, null] } };
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test('a change is read as it was written, whatever is in it', () => {
  assert.deepEqual(readChange(writeChange(ask, change)), { ...ask, ...change });
  assert.deepEqual(readChange(writeChange({ area: 'a', name: 'b' }, change)), {
    ...{ area: 'a', name: 'b', input: undefined },
    ...change,
  });
});

test('the same change is the same bytes', () => {
  assert.equal(textOf(writeChange(ask, change)), textOf(writeChange(structuredClone(ask), change)));
});

test('what is not JSON is told to who asks', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  for (const input of [cycle, { count: 1n }])
    assert.throws(() => writeChange({ ...ask, input }, change), { code: 'INVALID_INPUT' });
});

for (const [what, bytes] of Object.entries({
  'no bytes': { area: 'events', name: 'keep' },
  'no JSON in its line': Buffer.from('events\n{}'),
  'no JSON behind it': Buffer.from('{"area":"events"}\n{'),
}))
  test(`${what}: it is refused`, () => {
    assert.throws(() => readChange(bytes), { code: 'PROTOCOL_ERROR' });
  });

test('a key that could turn on us is refused, as in every body', () => {
  const bytes = Buffer.from('{"area":"state","name":"put"}\n{"__proto__":{"isAdmin":true}}');
  assert.throws(() => readChange(bytes), { code: 'INVALID_INPUT' });
});

test('bodies travel as they are, and are put back to their entries', () => {
  const texts = ['{"payload":"a \\"quoted\\" line\\nand ü"}', '{"payload":2}'];
  const jobs = [{ id: null }, { id: 'two' }];
  const written = writeChange(
    { area: 'jobs', name: 'add', input: { queue: 'mail', jobs }, bodies: { of: 'jobs', texts } },
    change,
  );
  assert.ok(textOf(written).endsWith(`\n${texts.join('\n')}`));
  const { input } = readChange(written);
  assert.deepEqual(input, {
    queue: 'mail',
    jobs: jobs.map((job, index) => ({ ...job, body: texts[index] })),
  });
});

for (const [what, lines] of Object.entries({
  'a body too few': ['{"jobs":[{},{}]}', '1'],
  'a body too many': ['{"jobs":[{}]}', '1', '2'],
  'a body with an end of line': ['{"jobs":[{}]}', '"a\nb"'],
  'no list': ['{"jobs":7}', '1'],
  'no input': ['', '1'],
}))
  test(`${what}: it is refused, and nobody gets the body of another`, () => {
    const bytes = Buffer.from(['{"area":"jobs","name":"add","bodiesOf":"jobs"}', ...lines].join('\n'));
    assert.throws(() => readChange(bytes), { code: 'PROTOCOL_ERROR' });
  });
