/**
 * What a person sees once the app is up, or when a part of it is not: text, made of the status. Pure.
 * Used by the supervisor for the terminal it was started on, and by `tutti start -d`.
 */
import { displayName } from './ids.ts';
import { escapeControls } from './log-line.ts';
import type { Paint } from './paint.ts';
import { appHealth } from './status.ts';
import type { AppStatus, ServiceStatus } from './status.ts';

export interface ScreenFacts {
  readonly status: AppStatus;
  readonly tookMs: number;
  readonly version: string;
  readonly node: string;
  /** A path of a route that can be tried; undefined when there is none. */
  readonly tryPath: string | undefined;
  /** How one ends it from here. */
  readonly stop: string;
  readonly paint: Paint;
}

const width = 80;
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

const pids = ({ instances }: ServiceStatus): string =>
  instances.flatMap(({ pid }) => (pid === null ? [] : [String(pid)])).join(' ');

function serviceRow(service: ServiceStatus, columns: { name: number; pids: number }, paint: Paint): string {
  const name = displayName(service.name).padEnd(columns.name);
  const count = `${String(service.ready)} of ${String(service.wanted)}`.padEnd(8);
  const tone = service.ready >= service.wanted ? 'green' : 'yellow';
  const version = (service.system ? '' : service.version).padEnd(10);
  const urls = service.urls.map((url) => paint('cyan', url)).join(' ');
  return `  ${name} ${paint(tone, count)}${version}${pids(service).padEnd(columns.pids)} ${urls}`.trimEnd();
}

function hints({ status, tryPath, stop }: ScreenFacts): string[] {
  const url = status.services.find(({ urls }) => urls.length > 0)?.urls[0];
  const lines = [
    `  logs   npx tutti logs -f          status   npx tutti status --watch          stop   ${stop}`,
  ];
  if (url === undefined) return lines;
  return [
    ...(tryPath === undefined ? [] : [`  try    curl ${url}${tryPath}`]),
    `  docs   ${url}/docs`,
    ...lines,
  ];
}

/** Once as it is shown, once as it is counted: colours take no room. */
function head({ status, tookMs, version, node, paint }: ScreenFacts): string {
  const took = seconds(tookMs);
  const isReady =
    status.services.every(({ ready, wanted }) => ready >= wanted) && appHealth(status) === 'healthy';
  const text = (name: string, word: string): string =>
    isReady ? `${name} is ready in ${took}` : `${name} is ${word} after ${took}`;
  const about = `tutti ${version}, node ${node}`;
  const gap = Math.max(2, width - text(status.app, 'degraded').length - about.length);
  return (
    text(paint('bold', status.app), paint('yellow', 'degraded')) + ' '.repeat(gap) + paint('gray', about)
  );
}

export function renderStartScreen(facts: ScreenFacts): string {
  const { status, paint } = facts;
  const columns = {
    name: Math.max(14, ...status.services.map(({ name }) => displayName(name).length)),
    pids: Math.max(12, ...status.services.map((service) => pids(service).length)),
  };
  return [
    head(facts),
    '',
    paint('gray', `  ${'SERVICE'.padEnd(columns.name)} READY   VERSION   PIDS`),
    ...status.services.map((service) => serviceRow(service, columns, paint)),
    '',
    ...hints(facts),
    '',
  ].join('\n');
}

export interface Trouble {
  readonly service: string;
  readonly instance: string;
  readonly reason: string;
  readonly next: string;
  readonly lastLines: readonly string[];
}

/** Right there and in words: what did not start, why, and what it said last. */
export function renderTrouble({ service, instance, reason, next, lastLines }: Trouble, paint: Paint): string {
  const said = lastLines.map((line) => `    ${paint('gray', escapeControls(line))}`);
  return [
    `${paint('red', `${displayName(service)} did not start`)} (${displayName(instance)}): ${escapeControls(reason)}`,
    ...(said.length === 0 ? [] : ['  the last lines it printed:', ...said]),
    `  ${next}`,
    '',
  ].join('\n');
}
