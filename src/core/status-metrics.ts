/**
 * The status of the app as metrics: who runs, how often it was restarted, how its event loop fares. Pure; used by `/metrics` of gateways,
 * so that dashboards say what `tutti status` says, and also of instances that answer nobody.
 */
import type { MetricFamily, MetricSample } from './metric.ts';
import type { AppStatus, InstanceStatus } from './status.ts';

interface Row {
  readonly name: string;
  readonly help: string;
  readonly type: MetricFamily['type'];
  /** null: not known now, and then not there. */
  readonly value: (instance: InstanceStatus) => number | null;
}

const instanceRows: readonly Row[] = [
  {
    ...{ name: 'tutti_restarts_total', type: 'counter' },
    help: 'Starts after the first that nobody asked for.',
    value: ({ restarts }) => restarts,
  },
  {
    ...{ name: 'tutti_crash_loop', type: 'gauge' },
    help: '1 while an instance ends again and again.',
    value: ({ crashLoop }) => Number(crashLoop),
  },
  {
    ...{ name: 'tutti_loop_delay_seconds', type: 'gauge' },
    help: 'Delay of the event loop, 99th percentile of the last beat.',
    value: ({ loopDelayMs }) => (loopDelayMs === null ? null : loopDelayMs / 1_000),
  },
  {
    ...{ name: 'tutti_memory_bytes', type: 'gauge' },
    help: 'Resident memory.',
    value: ({ rssBytes }) => rssBytes,
  },
  {
    ...{ name: 'tutti_cpu_cores', type: 'gauge' },
    help: 'Processor time used, in cores, over the last seconds.',
    value: ({ cpuPercent }) => (cpuPercent === null ? null : cpuPercent / 100),
  },
];

/** @param now epoch milliseconds of the scrape: a supervisor that is gone shows as a status that grows old. */
export function statusFamilies(status: AppStatus, now: number): MetricFamily[] {
  const { services, takenAt, generation, acceptFailures } = status;
  const instances = services.flatMap(({ name, instances: all }) =>
    all.map((instance) => ({ instance, labels: { service: name, instance: instance.slot } })),
  );
  const samplesOf = ({ value }: Row): MetricSample[] =>
    instances.flatMap(({ instance, labels }) => {
      const found = value(instance);
      return found === null ? [] : [{ labels, value: found }];
    });
  const gauge = (name: string, help: string, samples: readonly MetricSample[]): MetricFamily => ({
    ...{ name, help, samples },
    type: 'gauge',
  });
  const alone = (value: number): MetricSample[] => [{ labels: {}, value }];
  return [
    ...instanceRows.map((row) => ({
      name: row.name,
      help: row.help,
      type: row.type,
      samples: samplesOf(row),
    })),
    gauge(
      'tutti_instance_state',
      'What state an instance is in: 1 at that state, and no series at the others.',
      instances.map(({ instance, labels }) => ({ labels: { ...labels, state: instance.state }, value: 1 })),
    ),
    gauge(
      'tutti_service_ready',
      'Instances that are ready.',
      services.map(({ name, ready }) => ({ labels: { service: name }, value: ready })),
    ),
    gauge(
      'tutti_service_wanted',
      'Instances that there shall be.',
      services.map(({ name, wanted }) => ({ labels: { service: name }, value: wanted })),
    ),
    {
      ...{ name: 'tutti_supervisor_accept_failures_total', type: 'counter' },
      help: 'Connections to the supervisor that were closed because it had no file descriptor left.',
      samples: Object.entries(acceptFailures).map(([listener, value]) => ({ labels: { listener }, value })),
    },
    gauge('tutti_supervisor_generation', 'How many supervisors this app has had.', alone(generation)),
    gauge(
      'tutti_status_age_seconds',
      'Age of what is said here of instances; it grows while there is no supervisor.',
      alone(Math.max(0, now - takenAt) / 1_000),
    ),
  ];
}
