import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Avoided, OpenBreaker, Outlier } from '../../../src/core/avoided.ts';
import { bounds } from '../../../src/core/bounds.ts';
import { readInstanceMessage } from '../../../src/mesh/control-protocol.ts';
import type { InstanceMessage } from '../../../src/mesh/control-protocol.ts';
import { AvoidedReport } from '../../../src/processes/instance/avoided-report.ts';

const breaker: OpenBreaker = {
  ...{
    kind: 'breaker',
    instance: 'users#1@1',
    action: 'get',
    failures: 5,
    last: 'INSTANCE_LOST',
    probeAt: 1_000,
  },
};
const outlier: Outlier = { kind: 'outlier', instance: 'users#2@1', latencyMs: 20, failedPart: 0 };

class World {
  readonly sent: (readonly Avoided[])[] = [];
  isConnected = true;
  readonly report = new AvoidedReport((message: InstanceMessage) => {
    assert.deepEqual(readInstanceMessage(message), message, 'the supervisor takes it');
    if (this.isConnected && message.op === 'avoids') this.sent.push(message.list);
    return this.isConnected;
  });
}

test('it is told when it is another than before: a probe is news, how slow one is now is none', () => {
  const { report, sent } = new World();
  report.tell([]);
  assert.deepEqual(sent, []);
  report.tell([breaker, outlier]);
  report.tell([breaker, { ...outlier, latencyMs: 30 }]);
  assert.deepEqual(sent, [[breaker, outlier]]);
  report.tell([{ ...breaker, probeAt: 2_000 }, outlier]);
  report.tell([]);
  assert.deepEqual(sent.slice(1), [[{ ...breaker, probeAt: 2_000 }, outlier], []]);
});

test('what nobody heard is told at the next look', () => {
  const world = new World();
  world.isConnected = false;
  world.report.tell([breaker]);
  world.isConnected = true;
  world.report.tell([breaker]);
  assert.deepEqual(world.sent, [[breaker]]);
});

test('a successor is told all of it, also that nothing is left', () => {
  const { report, sent } = new World();
  report.tell([breaker]);
  report.repeat();
  report.tell([breaker]);
  report.tell([]);
  report.repeat();
  report.tell([]);
  assert.deepEqual(sent, [[breaker], [breaker], [], []]);
});

test('a long list is cut', () => {
  const { report, sent } = new World();
  report.tell(Array.from({ length: 100 }, (_, n) => ({ ...breaker, action: `a${String(n)}` })));
  assert.equal(sent[0]?.length, bounds.avoidedTold);
});
