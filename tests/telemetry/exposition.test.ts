/** The text that Prometheus reads, looked at by a strict reader of our own and, where it is installed, by promtool. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { exposition } from '../../src/telemetry/exposition.ts';
import type { MetricFamily } from '../../src/core/metric.ts';

const counter = (name: string, samples: MetricFamily['samples'], help = 'Help.'): MetricFamily => ({
  name,
  help,
  type: 'counter',
  samples,
});

interface Line {
  readonly name: string;
  readonly labels: string;
  readonly value: string;
}

/** Every line is HELP, TYPE or a sample of the family before it, and no series comes twice. */
function read(text: string): Line[] {
  assert.ok(text === '' || text.endsWith('\n'));
  const lines: Line[] = [];
  const families = new Set<string>();
  let family = '';
  for (const line of text.split('\n').slice(0, -1)) {
    const help = /^# HELP ([a-zA-Z_:][\w:]*) .*$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line);
    const sample =
      /^([a-zA-Z_:][\w:]*)(\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*")*\})? ([+-]Inf|NaN|-?[\d.]+(?:e[+-]\d+)?)$/.exec(
        line,
      );
    if (help !== null) {
      family = help[1] ?? '';
      assert.ok(!families.has(family), `${family} twice`);
      families.add(family);
    } else if (type !== null) assert.equal(type[1], family);
    else {
      assert.ok(sample !== null, `not a line: ${line}`);
      const [, name = '', labels = '', value = ''] = sample;
      assert.equal(name.replace(/_(bucket|sum|count)$/, ''), family);
      lines.push({ name, labels, value });
    }
  }
  assert.equal(new Set(lines.map(({ name, labels }) => name + labels)).size, lines.length);
  return lines;
}

test('families of many instances are joined under one name', () => {
  const text = exposition([
    counter('a_total', [{ labels: { i: '1' }, value: 1 }]),
    counter('b_total', []),
    counter('a_total', [{ labels: { i: '2' }, value: 2.5 }]),
  ]);
  assert.equal(
    text,
    '# HELP a_total Help.\n# TYPE a_total counter\na_total{i="1"} 1\na_total{i="2"} 2.5\n# HELP b_total Help.\n# TYPE b_total counter\n',
  );
});

test('the same series twice is one with their sum', () => {
  const sample = { labels: { i: '1' }, value: 2 };
  assert.deepEqual(read(exposition([counter('a_total', [sample, sample])])), [
    { name: 'a_total', labels: '{i="1"}', value: '4' },
  ]);
});

test('N-106 series over the bound are summed into one named other', () => {
  const samples = Array.from({ length: 100_000 }, (_sample, at) => ({
    labels: { path: `/p${String(at)}`, host: 'h' },
    value: 1,
  }));
  const lines = read(exposition([counter('a_total', samples)]));
  assert.equal(lines.length, 2_001);
  assert.deepEqual(lines.at(-1), { name: 'a_total', labels: '{path="other",host="other"}', value: '98000' });
});

test('N-106 a histogram is one series however many buckets it has', () => {
  const histogram = (id: string): MetricFamily['samples'] => [
    { suffix: '_bucket', labels: { id, le: '1' }, value: 1 },
    { suffix: '_bucket', labels: { id, le: '+Inf' }, value: 2 },
    { suffix: '_sum', labels: { id }, value: 3 },
    { suffix: '_count', labels: { id }, value: 2 },
  ];
  const text = exposition(
    [{ name: 'h', help: 'H.', type: 'histogram', samples: ['a', 'b', 'c'].flatMap(histogram) }],
    1,
  );
  assert.deepEqual(
    read(text).map(({ name, labels, value }) => `${name}${labels} ${value}`),
    [
      'h_bucket{id="a",le="1"} 1',
      'h_bucket{id="a",le="+Inf"} 2',
      'h_sum{id="a"} 3',
      'h_count{id="a"} 2',
      'h_bucket{id="other",le="1"} 2',
      'h_bucket{id="other",le="+Inf"} 4',
      'h_sum{id="other"} 6',
      'h_count{id="other"} 4',
    ],
  );
});

test('labels and help are escaped, names that are none are left out', () => {
  const hostile = '\\ " \n \u001b[2J # HELP x';
  const text = exposition([
    counter('a_total', [{ labels: { ok: hostile, 'not ok': 'x', '1': 'y' }, value: 1 }], hostile),
    counter('no name', [{ labels: {}, value: 1 }]),
  ]);
  const [line, ...rest] = read(text);
  assert.equal(line?.labels, '{ok="\\\\ \\" \\n \u001b[2J # HELP x"}');
  assert.deepEqual(rest, []);
});

test('of two types under one name the first stays', () => {
  const text = exposition([
    counter('a_total', [{ labels: {}, value: 1 }]),
    { name: 'a_total', help: 'x', type: 'gauge', samples: [{ labels: {}, value: 9 }] },
  ]);
  assert.deepEqual(read(text), [{ name: 'a_total', labels: '', value: '1' }]);
});

test('numbers beyond numbers have their names', () => {
  const values = [Infinity, -Infinity, NaN, 1e300, 1e-300, -0];
  const text = exposition([
    {
      name: 'a',
      help: 'A.',
      type: 'gauge',
      samples: values.map((value, at) => ({ labels: { at: String(at) }, value })),
    },
  ]);
  assert.deepEqual(
    read(text).map(({ value }) => value),
    ['+Inf', '-Inf', 'NaN', '1e+300', '1e-300', '0'],
  );
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
test(
  'promtool has nothing to say',
  { skip: hasPromtool ? false : 'promtool is not installed: apt-get install prometheus' },
  () => {
    const text = exposition([
      counter('a_total', [{ labels: { i: '"\\\n' }, value: 1 }]),
      {
        name: 'h_seconds',
        help: 'H.',
        type: 'histogram',
        samples: [
          { suffix: '_bucket', labels: { le: '+Inf' }, value: 2 },
          { suffix: '_sum', labels: {}, value: 3 },
          { suffix: '_count', labels: {}, value: 2 },
        ],
      },
    ]);
    const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    });
    assert.equal(stdout + stderr, '');
    assert.equal(status, 0);
  },
);
