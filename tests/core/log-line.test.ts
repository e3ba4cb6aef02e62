import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeControls, levelAtLeast } from '../../src/core/log-line.ts';

test('N-85 no control character, line end or change of direction is left, and everything else is', () => {
  const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const escaped = escapeControls(text);
      assert.doesNotMatch(escaped, controls);
      assert.equal(
        escaped.replaceAll(/\\u[0-9a-f]{4}/g, ''),
        text.replaceAll(controls, '').replaceAll(/\\u[0-9a-f]{4}/g, ''),
      );
    }),
  );
  assert.equal(escapeControls('a\u001b]0;x\u0007\tb\r\n'), 'a\\u001b]0;x\\u0007\tb\\u000d\\u000a');
});

test('levels are in order', () => {
  assert.ok(levelAtLeast('error', 'warn') && levelAtLeast('warn', 'warn') && !levelAtLeast('info', 'warn'));
});
