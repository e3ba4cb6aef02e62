/** In which order instances stand in a live table. Pure. */
import type { InstanceStatus, ServiceStatus } from '../core/status.ts';

/** The key that chooses it, what it is called, its column, and what of it comes first: the largest. */
export const sortings = {
  name: { key: 'n', column: undefined, by: undefined },
  cpu: { key: 'c', column: 'CPU', by: ({ cpuPercent }: InstanceStatus) => cpuPercent },
  memory: { key: 'm', column: 'MEM', by: ({ rssBytes }: InstanceStatus) => rssBytes },
  requests: { key: 'r', column: 'REQ/S', by: ({ requestsPerSecond }: InstanceStatus) => requestsPerSecond },
  errors: { key: 'e', column: 'ERRORS', by: ({ errors }: InstanceStatus) => errors },
  p99: { key: 'p', column: 'P99', by: ({ p99Ms }: InstanceStatus) => p99Ms },
  restarts: { key: 's', column: 'RESTARTS', by: ({ restarts }: InstanceStatus) => restarts },
} as const;

export type SortKey = keyof typeof sortings;
export const sortKeys = Object.keys(sortings) as readonly SortKey[];

export const sortOfKey = (key: string): SortKey | undefined =>
  sortKeys.find((name) => sortings[name].key === key);

export interface Row {
  readonly service: string;
  readonly instance: InstanceStatus;
}

/** By name they stand as the app file has them; what was not measured comes last; among equals that order stays. */
export function sortedRows(services: readonly ServiceStatus[], sort: SortKey): Row[] {
  const rows = services.flatMap(({ name, instances }) =>
    instances.map((instance) => ({ service: name, instance })),
  );
  const { by } = sortings[sort];
  if (by === undefined) return rows;
  const value = ({ instance }: Row): number => by(instance) ?? -1;
  return rows.sort((left, right) => value(right) - value(left));
}
