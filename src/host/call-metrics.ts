/** What an instance counts of the calls that it makes: metric families out of the numbers of its caller, made when somebody asks. */
import type { MetricFamily } from '../core/metric.ts';
import type { CallerStats } from '../mesh/caller.ts';

type Labels = Readonly<Record<string, string>>;

export function callFamilies(stats: CallerStats, labels: Labels): MetricFamily[] {
  const one = (value: number): MetricFamily['samples'] => [{ labels, value }];
  return [
    { name: 'tutti_calls_made_total', help: 'Calls made.', type: 'counter', samples: one(stats.calls) },
    {
      name: 'tutti_calls_failed_total',
      help: 'Calls made that ended with an error, repetitions included.',
      type: 'counter',
      samples: one(stats.failures),
    },
    {
      name: 'tutti_call_retries_total',
      help: 'Calls that were made once more.',
      type: 'counter',
      samples: one(stats.retries),
    },
    {
      name: 'tutti_call_timeouts_total',
      help: 'Calls that were not answered before their deadline.',
      type: 'counter',
      samples: one(stats.timeouts),
    },
    {
      name: 'tutti_calls_in_flight',
      help: 'Calls made that wait for their answer.',
      type: 'gauge',
      samples: one(stats.inFlight),
    },
    {
      name: 'tutti_call_outliers_total',
      help: 'Times that an instance looked bad beside the others, and got fewer calls.',
      type: 'counter',
      samples: one(stats.outliers),
    },
    {
      name: 'tutti_breakers_opened_total',
      help: 'Times that an action of an instance failed too often and was not asked for any more.',
      type: 'counter',
      samples: one(stats.breakersOpened),
    },
    {
      name: 'tutti_breaker_open',
      help: '1 for each action of an instance that is not asked for now.',
      type: 'gauge',
      samples: stats.openBreakers.map(({ action, instance }) => ({
        labels: { ...labels, action, to: instance },
        value: 1,
      })),
    },
  ];
}
