/**
 * Counts what the gateway answers, by route and not by path: what a client may invent makes no series.
 * Used by the server; read at scrape.
 */
import type { MetricFamily } from '../../mesh/runtime.ts';

type Labels = Readonly<Record<string, string>>;
type Samples = MetricFamily['samples'];

/** Upper ends, in seconds. */
const bucketSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

class RouteSeries {
  readonly #labels: Labels;
  readonly #byStatus = new Map<number, number>();
  /** Not cumulative; the last is what took longer than all bounds. */
  readonly #buckets = new Array<number>(bucketSeconds.length + 1).fill(0);
  #seconds = 0;

  constructor(labels: Labels) {
    this.#labels = labels;
  }

  count(status: number, seconds: number): void {
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
    this.#seconds += seconds;
    const found = bucketSeconds.findIndex((bound) => seconds <= bound);
    const bucket = found < 0 ? bucketSeconds.length : found;
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  statuses(): Samples {
    return [...this.#byStatus].map(([status, value]) => ({
      labels: { ...this.#labels, status: String(status) },
      value,
    }));
  }

  histogram(): Samples {
    const labels = this.#labels;
    let sum = 0;
    const buckets = this.#buckets.map((count, at) => {
      sum += count;
      return {
        suffix: '_bucket',
        labels: { ...labels, le: String(bucketSeconds[at] ?? '+Inf') },
        value: sum,
      };
    });
    return [
      ...buckets,
      { suffix: '_sum', labels, value: this.#seconds },
      { suffix: '_count', labels, value: sum },
    ];
  }
}

export interface Answered {
  /** `GET /users/:id`; undefined: no route. */
  readonly label: string | undefined;
  readonly status: number;
  readonly seconds: number;
}

export class HttpMetrics {
  readonly #gateway: string;
  readonly #series = new Map<string, RouteSeries>();
  inFlight = 0;
  /** Connections turned away at the cap. */
  dropped = 0;
  /** What came and was no request. */
  badHeads = 0;

  constructor(gateway: string) {
    this.#gateway = gateway;
  }

  count({ label = 'OTHER none', status, seconds }: Answered): void {
    let series = this.#series.get(label);
    if (series === undefined) {
      const [method = '', route = ''] = label.split(' ');
      series = new RouteSeries({ gateway: this.#gateway, route, method });
      this.#series.set(label, series);
    }
    series.count(status, seconds);
  }

  families(): MetricFamily[] {
    const routes = [...this.#series.values()];
    const plain = (value: number): Samples => [{ labels: { gateway: this.#gateway }, value }];
    const statuses = routes.flatMap((series) => series.statuses());
    const histograms = routes.flatMap((series) => series.histogram());
    const { dropped, badHeads, inFlight } = this;
    // prettier-ignore
    return [
      { name: 'tutti_http_requests_total', type: 'counter', help: 'Requests answered.', samples: statuses },
      { name: 'tutti_http_request_seconds', type: 'histogram', help: 'From head to answer.', samples: histograms },
      { name: 'tutti_http_requests_in_flight', type: 'gauge', help: 'Requests not yet answered.', samples: plain(inFlight) },
      { name: 'tutti_http_connections_dropped_total', type: 'counter', help: 'Connections over the cap.', samples: plain(dropped) },
      { name: 'tutti_http_bad_heads_total', type: 'counter', help: 'What came and was no request.', samples: plain(badHeads) },
    ];
  }
}
