import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dispositionOf, isContentType } from '../../src/core/content-type.ts';

test('a media type is one type, with parameters or without', () => {
  for (const good of ['text/plain', 'text/plain; charset=utf-8', 'application/vnd.api+json', 'a/b;c="d e"'])
    assert.ok(isContentType(good), good);
  const bad = [
    '',
    'text',
    'text/',
    '/plain',
    'text/*',
    '*/*',
    'text/plain, text/html',
    'text/plain;',
    7,
    undefined,
  ];
  for (const value of [...bad, `text/${'x'.repeat(300)}`]) assert.ok(!isContentType(value), String(value));
});

test('N-69 nothing that could end a header is a media type', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (tail) => {
      const value = `text/plain${tail}`;
      if (isContentType(value)) assert.match(value, /^[\x20-\x7e]+$/);
    }),
  );
  for (const end of ['\r\nx: y', '\n', '\0', 'Ċ']) assert.ok(!isContentType(`text/plain${end}`));
});

test('what could run in a browser is saved and not shown', () => {
  assert.equal(dispositionOf('application/pdf'), 'inline');
  assert.equal(dispositionOf('Text/Plain; charset=utf-8'), 'inline');
  for (const type of [
    'text/html',
    'image/svg+xml',
    'application/xml',
    'text/javascript',
    'application/octet-stream',
  ])
    assert.equal(dispositionOf(type), 'attachment', type);
});
