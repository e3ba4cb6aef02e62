import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  longestTracestate,
  noSpan,
  readTraceparent,
  readTracestate,
  traceField,
  traceparentOf,
  tracestateOf,
} from '../../src/core/trace.ts';

const hex = (length: number): fc.Arbitrary<string> =>
  fc
    .string({
      unit: fc.constantFrom(...Array.from('0123456789abcdef')),
      minLength: length,
      maxLength: length,
    })
    .filter((text) => !/^0+$/.test(text));

test('what is read from a header is what is written to the next', () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
      const trace = { traceId, spanId, sampled };
      assert.deepEqual(readTraceparent(traceparentOf(trace) ?? ''), trace);
    }),
  );
});

test('any text is read or refused, and what is read is in its form', () => {
  const parts = fc.array(
    fc.constantFrom('00', 'ff', '-', 'a'.repeat(32), 'b'.repeat(16), noSpan, '01', ' ', ','),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        parts.map((all) => all.join('')),
      ),
      (header) => {
        const read = readTraceparent(header);
        if (read !== undefined)
          assert.match(header, new RegExp(`^[0-9a-e][0-9a-f]|f[0-9a-e]-${read.traceId}-${read.spanId}`));
      },
    ),
  );
});

const [id, span] = ['a'.repeat(32), 'b'.repeat(16)];
const cases: Readonly<Record<string, boolean | undefined>> = {
  [`00-${id}-${span}-01`]: true,
  [`00-${id}-${span}-00`]: false,
  [`00-${id}-${span}-03`]: true,
  [`01-${id}-${span}-01-more`]: true,
  [`00-${id}-${span}-01-more`]: undefined,
  [`ff-${id}-${span}-01`]: undefined,
  [`00-${'0'.repeat(32)}-${span}-01`]: undefined,
  [`00-${id}-${noSpan}-01`]: undefined,
  [`00-${id.toUpperCase()}-${span}-01`]: undefined,
  [`00-${id}-${span}-1`]: undefined,
  [` 00-${id}-${span}-01`]: undefined,
  [`00-${id}-${span}-01\n`]: undefined,
};
for (const [header, sampled] of Object.entries(cases)) {
  test(`${JSON.stringify(header)} is ${sampled === undefined ? 'no trace' : 'a trace'}`, () => {
    assert.equal(readTraceparent(header)?.sampled, sampled);
  });
}

test('where nobody traces there is no header, and nothing beside the request id', () => {
  const nobody = { traceId: id, spanId: noSpan, sampled: false };
  assert.equal(traceparentOf(nobody), undefined);
  assert.deepEqual([traceField(nobody), traceField({ ...nobody, spanId: span })], [{}, { traceId: id }]);
});

const states: [header: string, read: string | undefined][] = [
  ['vendor=one', 'vendor=one'],
  ['a=1, b@c=2 ,d*/-_=x y', 'a=1,b@c=2,d*/-_=x y'],
  [' ,a=1,, ', 'a=1'],
  ['0tenant@vendor=1', '0tenant@vendor=1'],
  ['', undefined],
  [' , ', undefined],
  ['a', undefined],
  ['a=', undefined],
  ['a=1=2', undefined],
  ['A=1', undefined],
  ['0a=1', undefined],
  ['a=1,b', undefined],
  ['a=1\nb=2', undefined],
  ['a=\u00e9', undefined],
  [Array.from({ length: 33 }, (_none, n) => `a${String(n)}=1`).join(), undefined],
  [`a=${'x'.repeat(longestTracestate)}`, undefined],
];
for (const [header, read] of states)
  test(`tracestate ${JSON.stringify(header.slice(0, 40))} is ${read === undefined ? 'left out' : 'handed on'}`, () => {
    assert.equal(readTracestate(header), read);
  });

test('a tracestate goes with a traceparent, and alone nowhere', () => {
  const trace = { traceId: id, spanId: span, sampled: true, state: 'a=1' };
  assert.equal(tracestateOf(trace), 'a=1');
  assert.equal(tracestateOf({ ...trace, spanId: noSpan }), undefined);
});
