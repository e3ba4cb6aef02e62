import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  displayName,
  gatewayService,
  instanceId,
  isActionName,
  isEventName,
  isName,
  isSystemService,
  parseTarget,
} from '../../src/core/ids.ts';

/** N-53: what somebody may try to pass for a name. */
const strange = [
  '',
  ' ',
  '.',
  '..',
  '../x',
  'a/b',
  'a b',
  'a\u0000',
  'a\n',
  '\u001b[2J',
  'a\u2028',
  '😀',
  'a\u202eb',
  '__proto__',
  '-x',
  '1x',
  '$(id)',
  '; rm',
  'a#1',
  'a:b',
  'ä',
  'x'.repeat(64),
  'x'.repeat(1_048_576),
];
for (const text of strange) {
  test(`${JSON.stringify(text.slice(0, 20))} of ${String(text.length)} letters is no name`, () => {
    assert.deepEqual([isName(text), isEventName(text), isActionName(text)], [false, false, false]);
  });
}

test('a name is a letter, then letters, digits, "_" and "-", at most 63', () => {
  for (const text of ['a', 'users', 'User-Service_2', 'x'.repeat(63), 'constructor']) assert.ok(isName(text));
});

test('an action has no name that every object has, or is asked for when it is awaited or printed', () => {
  for (const text of ['then', 'toJSON', 'toString', 'valueOf', 'constructor', 'hasOwnProperty'])
    assert.ok(!isActionName(text), text);
  for (const text of ['get', 'catch', 'name', 'length']) assert.ok(isActionName(text), text);
});

test('an event is named by words joined by dots', () => {
  for (const text of ['created', 'user.created', 'a.b.c-d']) assert.ok(isEventName(text));
  for (const text of ['user.', '.created', 'a..b', `a.${'x.'.repeat(64)}y`]) assert.ok(!isEventName(text));
});

test('a target is a service or one of its instances', () => {
  assert.deepEqual(parseTarget('users'), { service: 'users' });
  assert.deepEqual(parseTarget('users#12'), { service: 'users', slot: 12 });
  for (const text of [
    '',
    '#1',
    'users#',
    'users#0',
    'users#01',
    'users#-1',
    'users#1e3',
    'users#1#2',
    'users#1234567',
  ])
    assert.equal(parseTarget(text), undefined, text);
});

test('no user service can take the name of one of ours', () => {
  const name = gatewayService('public');
  assert.ok(isSystemService(name) && !isName(name));
  assert.equal(displayName(name), 'gateway public');
  assert.equal(instanceId({ service: name, slot: 1, epoch: 3 }), 'gateway:public#1@3');
});
