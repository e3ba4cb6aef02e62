import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptContext, keptRequest, keptTrace } from '../../src/core/kept-context.ts';
import type { Kept } from '../../src/core/kept-context.ts';
import { noSpan } from '../../src/core/trace.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const untraced = { traceId, spanId: noSpan, sampled: false };
const traced = { traceId, spanId: 'b7ad6b7169203331', sampled: true, state: 'a=b' };

const cases: readonly (readonly [what: string, given: Kept, kept: object])[] = [
  ['nothing', {}, {}],
  ['what nobody traces', { requestId: traceId, trace: untraced, metadata: {} }, { trace: traceId }],
  ['a request of its own name', { requestId: 'r-1', trace: untraced }, { requestId: 'r-1', trace: traceId }],
  ['what is traced', { requestId: traceId, trace: traced }, { trace: traced }],
  ['a request that is a trace', { requestId: traceId }, { trace: traceId }],
  [
    'for whom it was',
    { requestId: 'r-1', user: 'ada', tenant: 'acme', metadata: { from: 'shop' } },
    { requestId: 'r-1', user: 'ada', tenant: 'acme', metadata: { from: 'shop' } },
  ],
];

for (const [what, given, kept] of cases)
  test(`${what} is kept in short, and read as it was`, () => {
    const written = keptContext(given);
    assert.deepEqual(written, kept);
    assert.deepEqual(keptTrace(written), given.trace ?? (given.requestId === traceId ? untraced : undefined));
    assert.equal(keptRequest(written), given.requestId);
  });

test('what was kept before in full is read too', () => {
  const before = { requestId: traceId, trace: untraced, metadata: {} };
  assert.deepEqual([keptTrace(before), keptRequest(before)], [untraced, traceId]);
});
