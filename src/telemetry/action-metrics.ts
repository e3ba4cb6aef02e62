/**
 * Counts what an instance does, per action: how often, how it ended, how long it took. Plain numbers, one add per call;
 * they become metric families only when somebody asks.
 */
import { bounds } from '../core/bounds.ts';
import type { MetricFamily, MetricSample } from '../core/metric.ts';

/** Upper bounds in seconds. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

interface ActionNumbers {
  readonly ends: Map<string, number>;
  readonly counts: number[];
  sumSeconds: number;
  total: number;
}

export class ActionMetrics {
  readonly #actions = new Map<string, ActionNumbers>();
  readonly #labels: Readonly<Record<string, string>>;

  constructor(labels: Readonly<Record<string, string>>) {
    this.#labels = labels;
  }

  /** The counter of one action; `code` is `ok` or an error code. Codes come from tables, ours and the callees': few, but bounded. */
  recorder(action: string): (tookMs: number, code: string) => void {
    const numbers: ActionNumbers = { ends: new Map(), counts: buckets.map(() => 0), sumSeconds: 0, total: 0 };
    this.#actions.set(action, numbers);
    return (tookMs, ended) => {
      const isKnown = numbers.ends.has(ended) || numbers.ends.size < bounds.actionEnds;
      const code = isKnown ? ended : 'other';
      const seconds = tookMs / 1_000;
      numbers.ends.set(code, (numbers.ends.get(code) ?? 0) + 1);
      numbers.sumSeconds += seconds;
      numbers.total += 1;
      const index = buckets.findIndex((bound) => seconds <= bound);
      if (index >= 0) numbers.counts[index] = (numbers.counts[index] ?? 0) + 1;
    };
  }

  families(): MetricFamily[] {
    const entries = [...this.#actions];
    const requests = entries.flatMap(([action, { ends }]) =>
      [...ends].map(([code, value]) => ({ labels: { ...this.#labels, action, code }, value })),
    );
    return [
      {
        name: 'tutti_action_calls_total',
        help: 'Calls of an action that ended, by how.',
        type: 'counter',
        samples: requests,
      },
      {
        name: 'tutti_action_seconds',
        help: 'Time from taking a call to its answer.',
        type: 'histogram',
        samples: entries.flatMap(([action, numbers]) => this.#histogram(action, numbers)),
      },
    ];
  }

  #histogram(action: string, numbers: ActionNumbers): MetricSample[] {
    const labels = { ...this.#labels, action };
    let sum = 0;
    const samples: MetricSample[] = buckets.map((bound, index) => {
      sum += numbers.counts[index] ?? 0;
      return { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: sum };
    });
    return [
      ...samples,
      { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: numbers.total },
      { suffix: '_sum', labels, value: numbers.sumSeconds },
      { suffix: '_count', labels, value: numbers.total },
    ];
  }
}
