/**
 * Metrics as the text that Prometheus reads (exposition format 0.0.4). Pure. Used by `/metrics` of gateways.
 * Families of many instances are joined by name; series beyond the bound are summed into one named `other`.
 */
import { bounds } from '../core/bounds.ts';
import type { MetricFamily, MetricSample } from '../core/metric.ts';

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A family whose name is no metric name is left out; of two types under one name the first stays. */
export function exposition(
  families: Iterable<MetricFamily>,
  maxSeries: number = bounds.metricSeries,
): string {
  const joined = new Map<string, MetricFamily & { samples: MetricSample[] }>();
  for (const family of families) {
    const known = joined.get(family.name);
    if (known?.type === family.type) for (const sample of family.samples) known.samples.push(sample);
    else if (known === undefined && metricName.test(family.name))
      joined.set(family.name, { ...family, samples: [...family.samples] });
  }
  return [...joined.values()].map((family) => familyText(family, maxSeries)).join('');
}

function familyText({ name, help, type, samples }: MetricFamily, maxSeries: number): string {
  const lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`];
  for (const [series, value] of boundedSeries(samples, maxSeries))
    lines.push(`${name}${series} ${numberText(value)}`);
  return `${lines.join('\n')}\n`;
}

/** Series as they are written after the name, with their values; the same one twice is summed. */
function boundedSeries(samples: readonly MetricSample[], maxSeries: number): Map<string, number> {
  const values = new Map<string, number>();
  const known = new Set<string>();
  for (const sample of samples) {
    // All buckets of a histogram are one series: it is cut as a whole.
    const identity = labelsText({ ...sample.labels, le: '' });
    const isOther = !known.has(identity) && known.size >= maxSeries;
    if (!isOther) known.add(identity);
    const series = (sample.suffix ?? '') + labelsText(isOther ? otherLabels(sample.labels) : sample.labels);
    values.set(series, (values.get(series) ?? 0) + sample.value);
  }
  return values;
}

const otherLabels = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, name === 'le' ? value : 'other']));

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).filter(([name]) => labelName.test(name));
  return pairs.length === 0
    ? ''
    : `{${pairs.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')}}`;
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
