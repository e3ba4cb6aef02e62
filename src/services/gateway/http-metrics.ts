/**
 * Counts what the gateway answers, by route and not by path: what a client may invent makes no series.
 * Used by the server; read at scrape.
 */
import type { MetricFamily } from '../../mesh/runtime.ts';

/** Seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

interface Series {
  readonly method: string;
  readonly route: string;
  readonly byStatus: Map<number, number>;
  /** One more than there are bounds: the rest. Not cumulative. */
  readonly buckets: number[];
  seconds: number;
}

export interface Answered {
  /** `GET /users/:id`; undefined: no route. */
  readonly label: string | undefined;
  readonly status: number;
  readonly seconds: number;
}

export class HttpMetrics {
  readonly #gateway: string;
  readonly #series = new Map<string, Series>();
  /** Connections turned away at the cap, and heads that could not be read. */
  dropped = 0;
  badHeads = 0;
  inFlight = 0;

  constructor(gateway: string) {
    this.#gateway = gateway;
  }

  count({ label = 'OTHER none', status, seconds }: Answered): void {
    let series = this.#series.get(label);
    if (series === undefined) {
      const at = label.indexOf(' ');
      series = { method: label.slice(0, at), route: label.slice(at + 1), byStatus: new Map(), buckets: bounds.map(() => 0), seconds: 0 };
      series.buckets.push(0);
      this.#series.set(label, series);
    }
    series.byStatus.set(status, (series.byStatus.get(status) ?? 0) + 1);
    series.seconds += seconds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket += 1;
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
  }

  families(): MetricFamily[] {
    const labels = { gateway: this.#gateway };
    const all = [...this.#series.values()];
    const plain = (name: string, help: string, type: 'counter' | 'gauge', value: number): MetricFamily => ({ name, help, type, samples: [{ labels, value }] });
    return [
      { name: 'tutti_http_requests_total', help: 'Requests answered.', type: 'counter', samples: all.flatMap((series) => this.#statuses(series)) },
      { name: 'tutti_http_request_seconds', help: 'From head to answer.', type: 'histogram', samples: all.flatMap((series) => this.#histogram(series)) },
      plain('tutti_http_requests_in_flight', 'Requests that wait for their answer.', 'gauge', this.inFlight),
      plain('tutti_http_connections_dropped_total', 'Connections turned away at the cap.', 'counter', this.dropped),
      plain('tutti_http_bad_heads_total', 'Requests that were not HTTP.', 'counter', this.badHeads),
    ];
  }

  #labels({ method, route }: Series): Record<string, string> {
    return { gateway: this.#gateway, route, method };
  }

  #statuses(series: Series): MetricFamily['samples'] {
    return [...series.byStatus].map(([status, value]) => ({ labels: { ...this.#labels(series), status: String(status) }, value }));
  }

  #histogram(series: Series): MetricFamily['samples'] {
    const labels = this.#labels(series);
    let sum = 0;
    const buckets = series.buckets.map((count, at) => {
      sum += count;
      return { suffix: '_bucket', labels: { ...labels, le: String(bounds[at] ?? '+Inf') }, value: sum };
    });
    return [...buckets, { suffix: '_sum', labels, value: series.seconds }, { suffix: '_count', labels, value: sum }];
  }
}
