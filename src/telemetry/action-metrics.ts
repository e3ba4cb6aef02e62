/**
 * Counts what an instance does, per action: how often, how it ended, how long it took. Plain numbers, one add per call;
 * they become metric families only when somebody asks.
 */
import { bounds } from '../core/bounds.ts';
import type { MetricFamily } from '../core/metric.ts';
import { Histogram } from './histogram.ts';

interface ActionNumbers {
  readonly ends: Map<string, number>;
  readonly times: Histogram;
}

export class ActionMetrics {
  readonly #actions = new Map<string, ActionNumbers>();
  readonly #labels: Readonly<Record<string, string>>;

  constructor(labels: Readonly<Record<string, string>>) {
    this.#labels = labels;
  }

  /** The counter of one action; `code` is `ok` or an error code. Codes come from tables, ours and the callees': few, but bounded. */
  recorder(action: string): (tookMs: number, code: string) => void {
    const numbers: ActionNumbers = { ends: new Map(), times: new Histogram() };
    this.#actions.set(action, numbers);
    return (tookMs, ended) => {
      const isKnown = numbers.ends.has(ended) || numbers.ends.size < bounds.actionEnds;
      const code = isKnown ? ended : 'other';
      numbers.ends.set(code, (numbers.ends.get(code) ?? 0) + 1);
      numbers.times.observe(tookMs);
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
        samples: entries.flatMap(([action, { times }]) => times.samples({ ...this.#labels, action })),
      },
    ];
  }
}
