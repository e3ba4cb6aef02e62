/**
 * The status of an app for people: one word for the whole, a row per instance, and below what is not as it should be. Pure.
 */
import { rangeText } from '../core/autoscale.ts';
import { avoidedLines } from '../core/avoided.ts';
import { displayName } from '../core/ids.ts';
import type { InstanceState } from '../core/instance-state.ts';
import { escapeControls } from '../core/log-line.ts';
import type { Paint, Style } from '../core/paint.ts';
import { appHealth } from '../core/status.ts';
import type { AppStatus, InstanceStatus, ServiceHealth, ServiceStatus } from '../core/status.ts';
import { bytesText, durationText, secondsText } from './quantities.ts';
import type { Cell, Column, Table } from './table.ts';
import { fitTable, renderTable } from './table.ts';

export const columns: readonly Column[] = [
  { title: 'SERVICE' },
  { title: 'INSTANCE' },
  { title: 'STATE' },
  { title: 'PID', isNumber: true },
  { title: 'RESTARTS', isNumber: true },
  { title: 'UPTIME', isNumber: true },
  { title: 'CPU', isNumber: true },
  { title: 'MEM', isNumber: true },
  { title: 'REQ/S', isNumber: true },
  { title: 'ERRORS', isNumber: true },
  { title: 'P99', isNumber: true },
  { title: 'LOOP', isNumber: true },
];

const styleOfState: Readonly<Record<InstanceState, Style>> = {
  ready: 'green',
  pending: 'yellow',
  starting: 'yellow',
  unready: 'yellow',
  draining: 'yellow',
  stopping: 'yellow',
  backoff: 'red',
  failed: 'red',
  stopped: 'gray',
};
const styleOfHealth: Readonly<Record<ServiceHealth, Style>> = {
  healthy: 'green',
  degraded: 'yellow',
  unhealthy: 'red',
  dead: 'red',
};

/** `shop is healthy, up 3m 05s` */
export function headText(status: AppStatus, paint: Paint): string {
  const health = appHealth(status);
  const up = durationText(status.takenAt - status.startedAt);
  return `${paint('bold', status.app)} is ${paint(styleOfHealth[health], health)}, up ${up}`;
}

/** What was not measured is not zero. */
const or = <T>(value: T | null, text: (value: T) => string): string => (value === null ? '-' : text(value));
const msText = (ms: number): string => `${ms < 10 ? String(ms) : String(Math.round(ms))} ms`;

export function instanceRow(service: string, instance: InstanceStatus, now: number): Cell[] {
  const { state, pid, isSpare, crashLoop } = instance;
  const word = crashLoop && state !== 'failed' ? 'crash loop' : isSpare === true ? 'spare' : state;
  const number = instance.slot.slice(instance.slot.lastIndexOf('#'));
  return [
    service,
    number,
    { text: word, style: styleOfState[state] },
    or(pid, String),
    instance.restarts > 0 ? { text: String(instance.restarts), style: 'yellow' } : '0',
    pid === null ? '-' : or(instance.startedAt, (at) => durationText(now - at)),
    or(instance.cpuPercent, (percent) => `${percent.toFixed(percent < 10 ? 1 : 0)}%`),
    or(instance.rssBytes, bytesText),
    pid === null ? '-' : String(instance.requestsPerSecond),
    instance.errors > 0 ? { text: String(instance.errors), style: 'red' } : '0',
    or(instance.p99Ms, msText),
    or(instance.loopDelayMs, msText),
  ];
}

/** The name stands once; a service without instances has a row too. */
function serviceRows(service: ServiceStatus, now: number): Cell[][] {
  const { range, wanted } = service;
  const bounds = range === undefined ? '' : ` (${String(wanted)} of ${rangeText(range)})`;
  const name = `${displayName(service.name)}${bounds}`;
  if (service.instances.length === 0) return [[name, '-', { text: 'none wanted', style: 'gray' }]];
  return service.instances.map((instance, index) => instanceRow(index === 0 ? name : '', instance, now));
}

const wordsOfState: Partial<Record<InstanceState, string>> = { failed: 'has failed', backoff: 'has ended' };

/** Why an instance is not ready, in words. */
function reasonLine({ slot, state, reason, restartAt }: InstanceStatus, now: number): string {
  const again = restartAt === null ? '' : `; next start in ${secondsText(Math.max(0, restartAt - now))}`;
  return `${displayName(slot)} ${wordsOfState[state] ?? `is ${state}`}: ${reason}${again}`;
}

export function noteLines({ services, notes, avoided, takenAt }: AppStatus, paint: Paint): string[] {
  const troubled = services
    .flatMap(({ instances }) => instances)
    .filter(({ state }) => state !== 'ready' && state !== 'stopped');
  const notAsked = avoidedLines(avoided, takenAt).map(({ slot, text }) => `${displayName(slot)} ${text}`);
  const lines = [...troubled.map((instance) => reasonLine(instance, takenAt)), ...notAsked, ...notes];
  return lines.length === 0
    ? []
    : ['', ...lines.map((line) => `  ${paint('yellow', '!')} ${escapeControls(line)}`)];
}

function urlLines({ services }: AppStatus, paint: Paint): string[] {
  const lines = services.flatMap(({ name, urls }) =>
    urls.map((url) => `  ${displayName(name)}  ${paint('cyan', url)}`),
  );
  return lines.length === 0 ? [] : ['', ...lines];
}

export function renderStatus(status: AppStatus, paint: Paint, width: number): string {
  const table: Table = {
    columns,
    rows: status.services.flatMap((service) => serviceRows(service, status.takenAt)),
  };
  const fitting = fitTable(table, width - 2);
  const left = columns.slice(fitting.columns.length).map(({ title }) => title);
  return [
    headText(status, paint),
    '',
    ...renderTable(fitting, paint).map((line) => `  ${line}`),
    ...(left.length === 0 ? [] : [paint('gray', `  (too narrow for ${left.join(', ')})`)]),
    ...urlLines(status, paint),
    ...noteLines(status, paint),
  ].join('\n');
}
