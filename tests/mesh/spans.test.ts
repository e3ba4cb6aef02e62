/** Spans of calls and events, against the real SDK; and that none of what it does wrong reaches a call. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { TracerProvider as AnyProvider } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import { TuttiError } from '../../src/core/errors.ts';
import { noSpan, traceparentOf } from '../../src/core/trace.ts';
import { currentContext } from '../../src/mesh/context.ts';
import { spanKinds, startSpan } from '../../src/telemetry/tracing.ts';
import { memoryTransport } from '../../src/mesh/transport/memory.ts';
import { hasCode, MeshWorld, until } from './mesh-world.ts';

afterEach(() => {
  trace.disable();
  context.disable();
});

function setUp(options: { manager?: boolean; processors?: SpanProcessor[] } = {}): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  if (options.manager !== false) context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const spanProcessors = options.processors ?? [new SimpleSpanProcessor({ exporter })];
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));
  return exporter;
}

const byName = (exporter: InMemorySpanExporter, name: string, kind: SpanKind): ReadableSpan => {
  const found = exporter.getFinishedSpans().find((span) => span.name === name && span.kind === kind);
  if (found === undefined) throw new Error(`no span ${name}`);
  return found;
};
const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
const traceparent = (): string | undefined => {
  const own = currentContext()?.trace;
  return own && traceparentOf(own);
};

/** `users.ask` calls `inner.tell` in a span of the user's own. */
async function serveTwo(world: MeshWorld): Promise<void> {
  const relay = world.caller({ service: 'users', mayCall: ['inner'] });
  await world.serve({ service: 'inner', actions: { tell: traceparent } });
  const ask = (): Promise<unknown> =>
    trace.getTracer('users').startActiveSpan('think', async (span) => {
      const told = await relay.call('inner', 'tell', {});
      span.end();
      return told;
    });
  await world.serve({ actions: { ask, tell: traceparent } });
}

test('the ids in a frame are those of the spans, and a span of the user’s own stands between them', async () => {
  const exporter = setUp();
  await using world = new MeshWorld(memoryTransport());
  await serveTwo(world);
  const told = await world.caller().call('users', 'ask', {});
  const [outer, asked] = [
    byName(exporter, 'users/ask', SpanKind.CLIENT),
    byName(exporter, 'users/ask', SpanKind.SERVER),
  ];
  const [inner, ran] = [
    byName(exporter, 'inner/tell', SpanKind.CLIENT),
    byName(exporter, 'inner/tell', SpanKind.SERVER),
  ];
  const think = byName(exporter, 'think', SpanKind.INTERNAL);
  assert.deepEqual(
    [parentOf(outer), parentOf(asked), parentOf(think), parentOf(inner), parentOf(ran)],
    [undefined, ...[outer, asked, think, inner].map((span) => span.spanContext().spanId)],
  );
  const { traceId, spanId } = ran.spanContext();
  assert.equal(told, `00-${traceId}-${spanId}-01`);
  assert.deepEqual(ran.attributes, { 'rpc.system': 'tutti', 'rpc.service': 'inner', 'rpc.method': 'tell' });
});

test('without a context manager the spans of nested calls still have their parents', async () => {
  const exporter = setUp({ manager: false });
  await using world = new MeshWorld(memoryTransport());
  await serveTwo(world);
  await world.caller().call('users', 'ask', {});
  const inner = byName(exporter, 'inner/tell', SpanKind.CLIENT);
  assert.equal(parentOf(inner), byName(exporter, 'users/ask', SpanKind.SERVER).spanContext().spanId);
});

test('an error is named by its code; it fails who called, and who ran only where that is to blame', async () => {
  const exporter = setUp();
  await using world = new MeshWorld(memoryTransport());
  await world.serve({
    actions: {
      missing: () => Promise.reject(new TuttiError('NOT_FOUND', { what: 'It' })),
      bug: () => {
        throw new TypeError('secret');
      },
    },
  });
  const caller = world.caller();
  for (const action of ['missing', 'bug', 'absent']) await assert.rejects(caller.call('users', action, {}));
  await assert.rejects(caller.call('strangers', 'any', {}), hasCode('NO_INSTANCE'));
  await assert.rejects(caller.call('users', 'bug', { far: 1n }), hasCode('INVALID_INPUT'));
  const seen = exporter
    .getFinishedSpans()
    .map(({ name, kind, attributes, status }) => [
      name,
      kind === SpanKind.SERVER ? 'server' : 'client',
      attributes['error.type'],
      status.code === SpanStatusCode.ERROR,
    ]);
  assert.deepEqual(seen, [
    ['users/missing', 'server', 'NOT_FOUND', false],
    ['users/missing', 'client', 'NOT_FOUND', true],
    ['users/bug', 'server', 'INTERNAL', true],
    ['users/bug', 'client', 'INTERNAL', true],
    ['users/absent', 'client', 'UNKNOWN_ACTION', true],
    ['strangers/any', 'client', 'NO_INSTANCE', true],
    ['users/bug', 'client', 'INVALID_INPUT', true],
  ]);
  assert.ok(!JSON.stringify(exporter.getFinishedSpans().map(({ events }) => events)).includes('secret'));
});

test('an event has one span where it is sent, and one in each who hears it', async () => {
  const exporter = setUp();
  await using world = new MeshWorld(memoryTransport());
  let heard = 0;
  for (const service of ['mail', 'audit'])
    await world.serve({
      service,
      events: {
        'user.made': () => {
          heard += 1;
        },
      },
    });
  await world.caller().emit('user.made', {});
  await until(() => heard === 2 && exporter.getFinishedSpans().length === 3);
  const sent = byName(exporter, 'send user.made', SpanKind.PRODUCER);
  const processed = exporter.getFinishedSpans().filter(({ name }) => name === 'process user.made');
  assert.deepEqual(
    processed.map((span) => [span.kind, parentOf(span)]),
    Array(2).fill([SpanKind.CONSUMER, sent.spanContext().spanId]),
  );
  assert.deepEqual(sent.attributes, {
    'messaging.system': 'tutti',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'user.made',
  });
});

test('what services of ours ask each other has no spans', async () => {
  const exporter = setUp();
  await using world = new MeshWorld(memoryTransport());
  await world.serve({ actions: { $metrics: () => [] } });
  await world.caller().call('users', '$metrics', {});
  assert.deepEqual(exporter.getFinishedSpans(), []);
});

const throws = (): never => {
  throw new Error('broken');
};
const broken: Readonly<Record<string, () => void>> = {
  'a span processor that throws': () => {
    setUp({ processors: [{ onStart: throws, onEnd: throws, forceFlush: throws, shutdown: throws }] });
  },
  'a provider that throws': () => {
    trace.setGlobalTracerProvider({ getTracer: throws });
  },
  'what is no provider': () => {
    trace.setGlobalTracerProvider({} as unknown as AnyProvider);
  },
};
for (const [what, install] of Object.entries(broken)) {
  test(`${what} costs no call its answer`, async () => {
    install();
    await using world = new MeshWorld(memoryTransport());
    await world.serve({ actions: { echo: (input) => input } });
    assert.equal(await world.caller().call('users', 'echo', 7), 7);
  });
}

test('without an SDK no span is invented: what a gateway was given goes on unchanged, and else there is none', async () => {
  await using world = new MeshWorld(memoryTransport());
  await serveTwo(world);
  const given = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
  const edge = world.caller({ service: 'gateway:public', mayCall: ['*'] });
  assert.equal(await edge.call('users', 'ask', {}, { context: { trace: given } }), traceparentOf(given));
  const none = { ...given, spanId: noSpan, sampled: false };
  assert.equal(await edge.call('users', 'ask', {}, { context: { trace: none } }), null);
});

test('where nobody has traced so far the SDK decides; where somebody has, he did', () => {
  setUp();
  const spec = { kind: spanKinds.server, name: 'users/tell', attributes: {} };
  const before = { traceId: 'a'.repeat(32), spanId: noSpan, sampled: false };
  const began = startSpan(spec, before);
  assert.ok(began?.trace.sampled);
  assert.notEqual(began.trace.traceId, before.traceId);
  const goesOn = startSpan(spec, { ...before, spanId: 'b'.repeat(16) });
  assert.deepEqual([goesOn?.trace.traceId, goesOn?.trace.sampled], [before.traceId, false]);
});
