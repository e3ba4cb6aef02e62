/**
 * What does an event cost that must not be lost, from who tells it to who hears it? Redis Streams with its log synced at every write, beside Tutti on SQLite. All
 * processes count: who tells, who keeps, who hears. Both keep what was heard.
 */
import { loadavg } from 'node:os';
import type { RunningEvents } from './lib/events.ts';
import { chosen, digits, markdown, medians } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { startRedisEvents } from './peers/redis-events.ts';
import { startTuttiEvents } from './peers/tutti-events.ts';

const floor = 'Redis Streams, AOF always';
const peers: Readonly<Record<string, () => Promise<RunningEvents>>> = {
  [floor]: startRedisEvents,
  'Tutti, SQLite FULL': startTuttiEvents,
};
const rounds = 3;

interface Round extends Record<string, number> {
  perS: number;
  us: number;
}

async function round(running: RunningEvents, count: number): Promise<Round> {
  const usedUs = await running.meter();
  const before = usedUs();
  const ms = await running.tell(count);
  return { perS: (count / ms) * 1_000, us: (usedUs() - before) / count };
}

async function ask(start: () => Promise<RunningEvents>, { smoke }: Settings): Promise<Round> {
  await using running = await start();
  if (smoke) return await round(running, 500);
  const all: Round[] = [];
  for (let turn = 0; turn <= rounds; turn += 1) all.push(await round(running, 20_000));
  // The first one only warms up.
  return medians(all.slice(1)) as Round;
}

export async function events(settings: Settings): Promise<Answer> {
  const loads = [loadavg()[0] ?? NaN];
  const all = new Map<string, Round>();
  for (const [name, start] of chosen(peers, settings)) all.set(name, await ask(start, settings));
  loads.push(loadavg()[0] ?? NaN);
  const at = all.get(floor) ?? { perS: NaN, us: NaN };
  const rows = [...all].map(([name, { perS, us }]) => [
    name,
    digits(perS),
    digits(perS / at.perS, 2),
    digits(us),
    digits(us / at.us, 2),
  ]);
  return {
    question: 'What does an event cost that must not be lost, from who tells it to who hears it?',
    table: markdown(['peer', 'events/s', 'x Redis', 'CPU µs per event', 'x Redis'], rows),
    note: `100 bytes, 100 in flight, each under one of a hundred keys whose order is looked at: an event out of it fails the bench. Redis: one stream, an XADD for each, those of one turn written together, one consumer of a group that reads a hundred at a time and acknowledges them together. Medians of ${String(rounds)} rounds after one to warm up; the peers one after the other. Load of the machine meanwhile: ${loads.map((load) => digits(load, 1)).join(' to ')}, the bench itself included.`,
  };
}
