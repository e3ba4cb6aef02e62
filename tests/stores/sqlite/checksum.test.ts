import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckedTable, StoreRow } from '../../../src/stores/sqlite/area.ts';
import { checkedRow, checksumOf, isSound } from '../../../src/stores/sqlite/checksum.ts';

const table: CheckedTable = {
  name: 'things',
  key: ['id'],
  content: ['body', 'note'],
  later: ['more'],
  long: 'body',
};
/** As it was before its long text was summed up apart. */
const { long: _long, ...before } = table;
const row = { id: 7, body: '{"payload":"a \\"text\\" ü"}', note: 'a note', more: '' };

/** Each row that has one bit of one of its texts the other way round. */
function* flipped(sound: StoreRow): Generator<StoreRow> {
  for (const [column, value] of Object.entries(sound)) {
    if (typeof value !== 'string') continue;
    for (let bit = 0; bit < value.length * 8; bit += 1) {
      const letters = Array.from(value, (letter) => letter.charCodeAt(0));
      const at = bit >> 3;
      letters[at] = (letters[at] ?? 0) ^ (1 << (bit & 7));
      yield { ...sound, [column]: String.fromCharCode(...letters) };
    }
  }
}

for (const [how, written] of Object.entries({ now: table, before }))
  test(`a row that is written as ${how} is sound, and with any flipped bit it is not`, () => {
    const sound = { ...row, checksum: checksumOf(written, row) };
    assert.equal(checkedRow(table, sound), sound);
    let count = 0;
    for (const other of flipped(sound)) {
      assert.ok(!isSound(table, other), JSON.stringify(other));
      count += 1;
    }
    assert.ok(count > 200);
  });

test('what moves from one column to another is found', () => {
  const sound = { ...row, checksum: checksumOf(table, row) };
  const others: StoreRow[] = [
    { ...sound, body: row.note, note: row.body },
    { ...sound, note: `${row.note}"]{`, body: row.body.slice(1) },
  ];
  for (const other of others)
    assert.throws(() => checkedRow(table, other), {
      code: 'STORE_CORRUPT',
      message: /\[7\] of things/,
    });
});
