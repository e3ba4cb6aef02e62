/** Medians, and the tables they are shown in. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

export interface Settings {
  /** A few seconds, only to see that every peer answers. */
  readonly smoke: boolean;
  /** Names of peers to leave out. */
  readonly without: readonly string[];
}

export const chosen = <T>(peers: Readonly<Record<string, T>>, { without }: Settings): [string, T][] =>
  Object.entries(peers).filter(([name]) => !without.includes(name));

/** One question with its answer, for people. */
export interface Answer {
  readonly question: string;
  readonly table: string;
  readonly note: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

/** The median of each field over the rounds. */
export const medians = <Key extends string>(rounds: readonly Record<Key, number>[]): Record<Key, number> =>
  Object.fromEntries(
    Object.keys(rounds[0] ?? {}).map((key) => [key, median(rounds.map((round) => round[key as Key]))]),
  ) as Record<Key, number>;

export const digits = (value: number, places = 0): string =>
  Number.isFinite(value) ? value.toFixed(places) : '–';

export function markdown(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    line(head.map((_cell, index) => (index === 0 ? '---' : '---:'))),
    ...rows.map(line),
  ].join('\n');
}

const versionOf = (name: string): string => {
  const file = join(import.meta.dirname, '../node_modules', name, 'package.json');
  return `${name} ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`;
};

export function machine(): string {
  const processors = cpus();
  const peers = [
    'fastify',
    'moleculer',
    'moleculer-web',
    '@nestjs/core',
    '@nestjs/microservices',
    'pm2',
    'bullmq',
    'graphile-worker',
    'pg-boss',
  ].map(versionOf);
  return `Node ${process.versions.node} on ${process.platform} ${process.arch}, ${String(processors.length)} x ${processors[0]?.model ?? 'unknown'}; ${peers.join(', ')}.`;
}
