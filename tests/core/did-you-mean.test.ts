import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { didYouMean, suggestion } from '../../src/core/did-you-mean.ts';

const known = ['maxRestarts', 'minUptime', 'port', 'host'];

const cases: [string, string | undefined][] = [
  ['maxRestart', 'maxRestarts'],
  ['maxrestarts', 'maxRestarts'],
  ['MAX_RESTARTS', 'maxRestarts'],
  ['prot', 'port'],
  ['hsot', 'host'],
  ['nothing', undefined],
  ['x', undefined],
  ['', undefined],
];
for (const [word, meant] of cases) {
  test(`"${word}" means ${meant ?? 'nothing we know'}`, () => {
    assert.equal(didYouMean(word, known), meant);
  });
}

test('one letter does not mean another', () => {
  assert.equal(didYouMean('a', ['b']), undefined);
  assert.equal(didYouMean('a', ['A']), 'A');
});

test('a stranger of a megabyte is answered at once', () => {
  const startedAt = performance.now();
  assert.equal(didYouMean('x'.repeat(1_048_576), known), undefined);
  assert.ok(performance.now() - startedAt < 100);
});

test('one slip of the hand in a word of four letters or more is understood', () => {
  const word = fc.stringMatching(/^[a-z]{4,20}$/);
  fc.assert(
    fc.property(word, fc.nat(), fc.constantFrom('drop', 'double', 'swap'), (meant, at, slip) => {
      const index = at % (meant.length - 1);
      const [head, left, right, tail] = [
        meant.slice(0, index),
        meant[index] ?? '',
        meant[index + 1] ?? '',
        meant.slice(index + 2),
      ];
      const typed = {
        drop: head + right + tail,
        double: head + left + left + right + tail,
        swap: head + right + left + tail,
      }[slip];
      assert.equal(didYouMean(typed, [meant]), meant);
    }),
  );
});

test('it hangs at the end of a sentence, or is nothing', () => {
  assert.equal(suggestion('prot', known), '; did you mean "port"?');
  assert.equal(suggestion('nothing', known), '');
});
