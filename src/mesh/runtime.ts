/**
 * What services of ours get beside what users get: the `runtime` argument of `open()`. Types only; the host makes the value.
 */
import type { Server } from 'node:net';
import type { TuttiEvent } from '../core/events.ts';
import type { InstanceRef } from '../core/ids.ts';
import type { JobNamed } from '../core/isolation.ts';
import type { MetricFamily } from '../core/metric.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { AppStatus } from '../core/status.ts';
import type { AppManifest } from '../define/manifest.ts';
import type { Caller } from './caller.ts';
import type { RegistryView } from './registry-view.ts';

/** Every instance answers it, to services of ours: `MetricFamily[]`. */
export const metricsActionName = '$metrics';

/** One instance's own numbers, for `/metrics`: asked at scrape. */
export interface InstanceMetrics {
  readonly instance: string;
  readonly service: string;
  readonly metrics: readonly MetricFamily[];
}

export type { MetricFamily };

export interface EventBatch {
  readonly events: readonly TuttiEvent[];
  /** Older ones were dropped before anybody asked for them. */
  readonly isGap: boolean;
}

/** See `os/accept-guard`. */
export interface Accepts {
  readonly areLeft: boolean;
  /** @param listener what it is called in the metrics. */
  watch(server: Server, listener: string): void;
}

export interface SystemRuntime {
  readonly app: string;
  readonly instance: string;
  /** May call any action of any service. */
  readonly caller: Caller;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly random: Random;
  manifest(): AppManifest;
  /** Runs after each change; gives the function that ends it. */
  onManifest(changed: () => void): () => void;
  /** The supervisor's last word, once a second; undefined before the first. */
  status(): AppStatus | undefined;
  /** What happened after this number, as soon as there is something; null: after what an earlier process has handled. */
  nextEvents(after: number | null): Promise<EventBatch>;
  /** The supervisor is told that an isolated instance does not hear that its job was cancelled, and ends it. Lost when there is none now. */
  tellUnheard(instance: InstanceRef, job: JobNamed): void;
  /** Every ready instance's numbers, and our own; one that does not answer in time is left out. */
  collectMetrics(timeoutMs: number): Promise<readonly InstanceMetrics[]>;
  /** Counts what is turned away for want of a file descriptor. */
  readonly accepts: Accepts;
  /** Listening sockets inherited from the keeper, or where to listen when there is none (tests in one process). */
  readonly listen: { readonly fd: number } | { readonly host: string; readonly port: number };
}
