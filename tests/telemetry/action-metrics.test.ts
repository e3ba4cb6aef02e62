import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../../src/core/bounds.ts';
import { ActionMetrics } from '../../src/telemetry/action-metrics.ts';
import { exposition } from '../../src/telemetry/exposition.ts';

const text = (metrics: ActionMetrics): string => exposition(metrics.families());

test('calls are counted by how they ended, and their time in buckets that add up', () => {
  const metrics = new ActionMetrics({ service: 'users' });
  const record = metrics.recorder('get');
  for (const tookMs of [0.5, 1, 3, 20_000]) record(tookMs, tookMs > 10 ? 'INTERNAL' : 'ok');
  const page = text(metrics);
  assert.match(page, /tutti_action_calls_total\{service="users",action="get",code="ok"\} 3\n/);
  assert.match(page, /tutti_action_calls_total\{service="users",action="get",code="INTERNAL"\} 1\n/);
  assert.match(page, /_bucket\{service="users",action="get",le="0.001"\} 2\n/);
  assert.match(page, /_bucket\{service="users",action="get",le="10"\} 3\n/);
  assert.match(page, /_bucket\{service="users",action="get",le="\+Inf"\} 4\n/);
  assert.match(page, /_sum\{service="users",action="get"\} 20.0045\n/);
  assert.match(page, /_count\{service="users",action="get"\} 4\n/);
});

test('an action that was never called has an empty histogram and no counter', () => {
  const metrics = new ActionMetrics({});
  metrics.recorder('get');
  assert.match(text(metrics), /_count\{action="get"\} 0\n/);
  assert.doesNotMatch(text(metrics), /code=/);
});

test('codes without end become one', () => {
  const metrics = new ActionMetrics({});
  const record = metrics.recorder('get');
  for (let code = 0; code < 2 * bounds.actionEnds; code += 1) record(1, `CODE_${String(code)}`);
  assert.match(text(metrics), new RegExp(`code="other"\\} ${String(bounds.actionEnds)}\n`));
});
