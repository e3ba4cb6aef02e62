/**
 * What a person sees at a terminal: progress while the app starts, one screen when it is ready, and a line when something happens.
 * Text is made by pure functions; the class writes it.
 */
import { styleText } from 'node:util';
import { displayName } from '../../core/ids.ts';
import { escapeControls } from '../../core/log-line.ts';
import type { AppStatus, ServiceStatus } from '../../core/status.ts';

export interface ScreenFacts {
  readonly status: AppStatus;
  readonly tookMs: number;
  readonly version: string;
  readonly node: string;
  /** A path of a route that can be tried; undefined when there is none. */
  readonly tryPath: string | undefined;
  readonly paint: Paint;
}
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

export const makePaint = (colors: boolean): Paint => (style, text) => (colors ? styleText(style, text, { validateStream: false }) : text);

const width = 80;
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

const pids = ({ instances }: ServiceStatus): string => instances.flatMap(({ pid }) => (pid === null ? [] : [String(pid)])).join(' ');

function serviceRow(service: ServiceStatus, columns: { name: number; pids: number }, paint: Paint): string {
  const name = displayName(service.name).padEnd(columns.name);
  const count = `${String(service.ready)} of ${String(service.wanted)}`.padEnd(8);
  const tone = service.ready >= service.wanted ? 'green' : 'yellow';
  const version = (service.system ? '' : service.version).padEnd(10);
  const row = `  ${name} ${paint(tone, count)}${version}${pids(service).padEnd(columns.pids)} ${service.urls.map((url) => paint('cyan', url)).join(' ')}`;
  return row.trimEnd();
}

function hints({ status, tryPath }: ScreenFacts): string[] {
  const url = status.services.find(({ urls }) => urls.length > 0)?.urls[0];
  const lines = ['  logs   npx tutti logs -f          status   npx tutti status          stop   Ctrl-C (twice: at once)'];
  if (url === undefined) return lines;
  return [...(tryPath === undefined ? [] : [`  try    curl ${url}${tryPath}`]), `  docs   ${url}/docs`, ...lines];
}

export function renderStartScreen(facts: ScreenFacts): string {
  const { status, paint } = facts;
  const down = status.services.filter(({ ready, wanted }) => ready < wanted);
  const took = seconds(facts.tookMs);
  const head = down.length === 0 ? `${paint('bold', status.app)} is ready in ${took}` : `${paint('bold', status.app)} is ${paint('yellow', 'degraded')} after ${took}`;
  const plain = down.length === 0 ? `${status.app} is ready in ${took}` : `${status.app} is degraded after ${took}`;
  const about = `tutti ${facts.version}, node ${facts.node}`;
  const columns = {
    name: Math.max(14, ...status.services.map(({ name }) => displayName(name).length)),
    pids: Math.max(12, ...status.services.map((service) => pids(service).length)),
  };
  return [
    head + ' '.repeat(Math.max(2, width - plain.length - about.length)) + paint('gray', about),
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

