/**
 * The one action that every instance has beside its own: its numbers, for who serves `/metrics`. Names of actions have no `$`,
 * so it is nobody's; only services of ours and the operator may ask.
 */
import { TuttiError } from '../core/errors.ts';
import { instanceId, isSystemService } from '../core/ids.ts';
import type { MetricFamily } from '../core/metric.ts';
import { metricsActionName } from '../mesh/runtime.ts';
import type { ResponderAction } from '../mesh/responder.ts';

export const metricsAction = (families: () => MetricFamily[]): ResponderAction => ({
  name: metricsActionName,
  hash: '',
  idempotent: true,
  concurrency: 8,
  invoke(_input, call) {
    if (!isSystemService(call.caller.service))
      throw new TuttiError('FORBIDDEN', { caller: instanceId(call.caller), action: metricsActionName });
    return families();
  },
});
