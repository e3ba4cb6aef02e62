import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command, fixture, makeHome } from './command.ts';
import { attributesOf, OtlpReceiver } from './otlp-receiver.ts';
import type { ReceivedSpan } from './otlp-receiver.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const clientSpan = '00f067aa0ba902b7';
const headers = (flags: string): Record<string, string> => ({
  traceparent: `00-${traceId}-${clientSpan}-${flags}`,
  tracestate: 'vendor=one, other@firm=two',
  'x-request-id': 'journey-7',
  authorization: 'ada',
});
const failed = 2;

/** `name`, and the names of those it is a part of. */
function path(span: ReceivedSpan, all: readonly ReceivedSpan[]): string {
  const parent = all.find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? span.name : `${path(parent, all)} > ${span.name}`;
}

/** Runs the app, and ends it: nothing that it has to send is with it any more. */
async function spansOf(
  ask: (url: string) => Promise<void>,
  receiver: OtlpReceiver,
): Promise<readonly ReceivedSpan[]> {
  using home = makeHome();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  {
    await using app = new Command(home.folder, ['start', fixture('tracing/tutti.ts')], env);
    await app.ready();
    await ask(await app.url());
    await app.hears('Written');
  }
  return receiver.spans;
}

test('one trace goes from HTTP through two services and an event to who collects spans, each the child of the one that caused it', async () => {
  await using receiver = await OtlpReceiver.start();
  const spans = await spansOf(async (url) => {
    const answer = await fetch(`${url}/orders/7?secret=1`, { headers: headers('01') });
    assert.equal(answer.status, 200);
    const { traceparent, tracestate } = (await answer.json()) as Record<'traceparent' | 'tracestate', string>;
    assert.equal(tracestate, 'vendor=one,other@firm=two');
    assert.match(traceparent, new RegExp(`^00-${traceId}-(?!${clientSpan})[0-9a-f]{16}-01$`));
    assert.equal((await fetch(`${url}/orders/13`)).status, 500);
  }, receiver);

  const ours = spans.filter((span) => span.traceId === traceId);
  const gateway = 'GET /orders/:id';
  const orders = `${gateway} > orders/get > orders/get`;
  const store = `${orders} > store/find > store/find`;
  assert.deepEqual(ours.map((span) => path(span, spans)).sort(), [
    gateway,
    `${gateway} > orders/get`,
    orders,
    `${orders} > send order.seen`,
    `${orders} > send order.seen > process order.seen`,
    `${orders} > store/find`,
    store,
    `${store} > read the disk`,
  ]);
  const http = ours.find(({ name }) => name === gateway);
  assert.ok(http !== undefined);
  assert.equal(http.parentSpanId, clientSpan);
  assert.deepEqual(attributesOf(http), {
    'http.request.method': 'GET',
    'url.path': '/orders/7',
    'url.scheme': 'http',
    'http.route': '/orders/:id',
    'http.response.status_code': 200,
  });

  const [root, ...others] = spans.filter(
    ({ parentSpanId }) => !spans.some(({ spanId }) => spanId === parentSpanId),
  );
  const bug = [root, ...others].find((span) => span?.traceId !== traceId);
  assert.ok(bug !== undefined, 'a request without a trace begins one');
  const rest = spans.filter((span) => span.traceId === bug.traceId);
  assert.deepEqual(
    rest
      .filter(({ status }) => status.code === failed)
      .map((span) => [span.kind, attributesOf(span)['error.type']])
      .sort(),
    [
      [2, '500'],
      [2, 'INTERNAL'],
      [2, 'INTERNAL'],
      [3, 'INTERNAL'],
      [3, 'INTERNAL'],
    ],
  );
});

test('a trace that its first system does not keep is kept by nobody', async () => {
  await using receiver = await OtlpReceiver.start();
  const spans = await spansOf(async (url) => {
    const answer = await fetch(`${url}/orders/7`, { headers: headers('00') });
    const { traceparent } = (await answer.json()) as { traceparent: string };
    assert.match(traceparent, new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    assert.equal((await fetch(`${url}/orders/7`)).status, 200);
  }, receiver);
  assert.ok(spans.length > 0, 'what nobody has decided about is kept');
  assert.deepEqual(
    spans.filter((span) => span.traceId === traceId),
    [],
  );
});

test('without an SDK the trace of the client is in the log lines of all, and can be sent on; without a client’s there is none', async () => {
  using home = makeHome();
  await using app = new Command(home.folder, ['start', fixture('tracing/tutti.ts')]);
  await app.ready();
  const url = await app.url();
  const answer = await fetch(`${url}/orders/7`, { headers: headers('01') });
  assert.deepEqual(await answer.json(), {
    traceparent: headers('01')['traceparent'],
    tracestate: 'vendor=one,other@firm=two',
  });
  for (const words of ['Asked', 'Found', 'Written']) await app.hears(words);
  const lines = app.said.split('\n').filter((line) => line.includes('journey-7'));
  const told = lines.map((line) => JSON.parse(line) as { message: string; fields: Record<string, string> });
  const said = told.map(({ message, fields }) => [message, fields['traceId'], fields['user']]);
  assert.deepEqual(said.sort(), [
    ['Asked', traceId, undefined],
    ['Found', traceId, 'ada'],
    ['Written', traceId, 'ada'],
  ]);
  const untraced = { traceparent: null, tracestate: null };
  assert.deepEqual(await (await fetch(`${url}/orders/7`)).json(), untraced);
  const state = { tracestate: 'vendor=one' };
  assert.deepEqual(await (await fetch(`${url}/orders/7`, { headers: state })).json(), untraced);
});
