/** Metrics as data, on their way from who counts to who prints. */
export interface MetricSample {
  /** `_bucket`, `_sum`, `_count` of a histogram; absent for the rest. */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly MetricSample[];
}
