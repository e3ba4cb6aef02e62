/** Answers that are no JSON: text and bytes of the type that their route says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { checkService } from '../../../src/define/check-service.ts';
import { defineService } from '../../../src/define/service.ts';
import type { ServiceDefinition } from '../../../src/define/service.ts';
import { GatewayWorld, problemOf } from './gateway-world.ts';

/** No UTF-8, and short enough that JSON of its length leaves as text. */
const bytes = new Uint8Array([0x25, 0x50, 0x44, 0x46, 0, 0xff, 0xfe, 0x80]);

const files = defineService({
  name: 'files',
  actions: (action) => ({
    text: action({
      http: { route: 'GET /text', contentType: 'text/plain; charset=utf-8' },
      run: () => 'Grüße',
    }),
    pdf: action({ http: { route: 'GET /pdf', contentType: 'application/pdf' }, run: () => bytes }),
    page: action({ http: { route: 'GET /page', contentType: 'text/html' }, run: () => '<script>1</script>' }),
    wrong: action({ http: { route: 'GET /wrong', contentType: 'text/plain' }, run: () => ({ a: 1 }) }),
    unsaid: action({ http: 'GET /unsaid', run: () => bytes }),
    kept: action({
      http: { route: 'GET /kept', contentType: 'text/csv', reply: (rows: string[]) => rows.join('\n') },
      output: z.array(z.string()),
      run: () => ['a', 'b'],
    }),
  }),
});

test('text and bytes leave as they are, with the type of their route, and are never sniffed', async () => {
  await using world = await GatewayWorld.start();
  await world.serveToo(files);
  const text = await world.fetch('/text');
  assert.equal(text.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(text.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(text.headers.get('content-disposition'), 'inline');
  assert.equal(await text.text(), 'Grüße');
  const pdf = await world.fetch('/pdf');
  assert.equal(pdf.headers.get('content-type'), 'application/pdf');
  assert.deepEqual(new Uint8Array(await pdf.arrayBuffer()), bytes);
  assert.equal((await world.fetch('/page')).headers.get('content-disposition'), 'attachment');
  assert.equal(await (await world.fetch('/kept')).text(), 'a\nb');
});

test('another answer than text or bytes, and bytes that no route speaks of, are our fault and said in the log', async () => {
  await using world = await GatewayWorld.start();
  await world.serveToo(files);
  for (const path of ['/wrong', '/unsaid']) {
    const answer = await world.fetch(path);
    assert.equal(answer.status, 500);
    assert.equal((await problemOf(answer)).code, 'INVALID_OUTPUT');
  }
  assert.ok(world.lines.some(({ fields }) => /has no contentType/.test(String(fields['cause']))));
});

test('the OpenAPI document says the type', async () => {
  await using world = await GatewayWorld.start();
  await world.serveToo(files);
  const document = (await (await world.fetch('/openapi.json')).json()) as {
    paths: Record<string, { get: { responses: Record<string, { content: object }> } }>;
  };
  const contentOf = (path: string): unknown => document.paths[path]?.get.responses['200']?.content;
  assert.deepEqual(contentOf('/text'), { 'text/plain; charset=utf-8': { schema: { type: 'string' } } });
  assert.deepEqual(contentOf('/pdf'), { 'application/pdf': {} });
});

test('N-69 a type that could be no header, or has no body to say it of, is refused before anything starts', () => {
  const problems = (http: object): string[] =>
    checkService(
      defineService({ name: 'x', actions: () => ({ a: { run: () => '', http } }) }) as ServiceDefinition,
    ).map(({ path, message }) => `${path}: ${message}`);
  assert.match(
    problems({ route: 'GET /a', contentType: 'text/plain\r\nx: y' })[0] ?? '',
    /contentType: expected a media type/,
  );
  assert.match(problems({ route: 'GET /a', contentType: 'text/plain', status: 204 })[0] ?? '', /has no body/);
  assert.deepEqual(problems({ route: 'GET /a', contentType: 'text/plain' }), []);
});
