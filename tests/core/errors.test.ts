import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorTable, fillText, fromWire, isTuttiError, toWire, TuttiError } from '../../src/core/errors.ts';
import type { ErrorRow, WireError } from '../../src/core/errors.ts';

/** As another process receives it. */
const travelled = (error: unknown): TuttiError =>
  fromWire(JSON.parse(JSON.stringify(toWire(error))) as WireError);

test('every code is written in capitals, has a sentence without a full stop, and a status that is an error', () => {
  for (const [code, { text, http }] of Object.entries<ErrorRow>(errorTable)) {
    assert.match(code, /^[A-Z][A-Z_]+$/);
    assert.match(text, /^[A-Z{].*[^.]$/);
    assert.ok(http >= 400 && http <= 599);
  }
});

test('the text is filled from the data, and no sentence shows a hole', () => {
  assert.equal(new TuttiError('NOT_FOUND', { what: 'User 7' }).message, 'User 7 not found');
  assert.equal(new TuttiError('NOT_FOUND').message, 'it not found');
  assert.equal(fillText('{toString} {a}', { a: {} }), 'it it');
});

test('a message in the data replaces the text, a row replaces the table', () => {
  assert.equal(new TuttiError('INVALID_INPUT', { message: 'id: too small' }).message, 'id: too small');
  const row = { text: '{name} is taken', http: 409, retryable: true };
  const error = new TuttiError('NAME_TAKEN', { name: 'ann' }, { row });
  assert.deepEqual([error.message, error.http, error.retryable], ['ann is taken', 409, true]);
});

test('N-53 a code that is a name of every object is a code nobody knows', () => {
  for (const code of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    const error = new TuttiError(code);
    assert.deepEqual([error.code, error.http, error.message], [code, 500, errorTable.INTERNAL.text]);
  }
});

test('an error arrives as it was sent: code, sentence, data, status, and the stack apart', () => {
  const sent = new TuttiError('OVERLOADED', { what: 'users.get', retryAfterMs: 100 });
  const got = travelled(sent);
  assert.ok(isTuttiError(got, 'OVERLOADED'));
  assert.deepEqual([got.message, got.http, got.retryable], [sent.message, 503, true]);
  assert.equal(got.data['retryAfterMs'], 100);
  assert.equal(got.remoteStack, sent.stack);
});

const bugs: [string, unknown][] = [
  ['a TypeError', new TypeError('password is hunter2')],
  ['a text that was thrown', 'hunter2'],
  ['nothing at all', undefined],
  ['an object without a prototype', Object.create(null)],
  ['one that calls itself ours and has no code', Object.assign(new Error('hunter2'), { name: 'TuttiError' })],
];
for (const [name, bug] of bugs) {
  test(`${name} is INTERNAL for the caller, and neither message nor stack leaves the process`, () => {
    const wire = toWire(bug);
    assert.equal(wire.code, 'INTERNAL');
    assert.doesNotMatch(JSON.stringify(wire), /hunter2/);
    assert.equal(wire.stack, undefined);
  });
}

test('an error of another copy of the module is known by its name', () => {
  const copy = Object.assign(new Error('x'), { name: 'TuttiError', code: 'CONFLICT' });
  assert.ok(isTuttiError(copy, 'CONFLICT'));
  assert.ok(!isTuttiError(copy, 'NOT_FOUND'));
  assert.ok(!isTuttiError({ name: 'TuttiError', code: 'CONFLICT' }));
});

test('the stack that travels is bounded', () => {
  const error = new TuttiError('CONFLICT');
  error.stack = 'x'.repeat(100_000);
  assert.equal(toWire(error).stack?.length, 8_192);
});
