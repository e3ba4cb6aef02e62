/** Durations in buckets: plain numbers, one add each; they become samples only when somebody asks. */
import type { MetricSample } from '../core/metric.ts';

/** Upper bounds in seconds. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export class Histogram {
  readonly #counts: number[] = buckets.map(() => 0);
  #sumSeconds = 0;
  #total = 0;

  observe(tookMs: number): void {
    const seconds = tookMs / 1_000;
    this.#sumSeconds += seconds;
    this.#total += 1;
    const index = buckets.findIndex((bound) => seconds <= bound);
    if (index >= 0) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  samples(labels: Readonly<Record<string, string>>): MetricSample[] {
    let sum = 0;
    const samples: MetricSample[] = buckets.map((bound, index) => {
      sum += this.#counts[index] ?? 0;
      return { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: sum };
    });
    return [
      ...samples,
      { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: this.#total },
      { suffix: '_sum', labels, value: this.#sumSeconds },
      { suffix: '_count', labels, value: this.#total },
    ];
  }
}
