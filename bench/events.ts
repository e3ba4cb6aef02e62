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
const rounds = 5;
const eventsOfRound = 50_000;

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

/** Their rounds take turns. The first one only warms up, unless it is only to be seen that they answer. */
async function compare(
  running: ReadonlyMap<string, RunningEvents>,
  { smoke }: Settings,
): Promise<Map<string, Round>> {
  const all = new Map<string, Round[]>([...running.keys()].map((name) => [name, []]));
  for (let turn = smoke ? rounds : 0; turn <= rounds; turn += 1)
    for (const [name, peer] of running) {
      const one = await round(peer, smoke ? 500 : eventsOfRound);
      if (turn > 0) all.get(name)?.push(one);
    }
  return new Map([...all].map(([name, figures]) => [name, medians(figures) as Round]));
}

export async function events(settings: Settings): Promise<Answer> {
  const loads = [loadavg()[0] ?? NaN];
  await using closers = new AsyncDisposableStack();
  const running = new Map<string, RunningEvents>();
  for (const [name, start] of chosen(peers, settings)) running.set(name, closers.use(await start()));
  const all = await compare(running, settings);
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
    note: `100 bytes, 100 in flight, each under one of a hundred keys whose order is looked at: an event out of it fails the bench. Redis: one stream, an XADD for each, those of one turn written together, one consumer of a group that reads a hundred at a time and acknowledges them together. Medians of ${String(rounds)} rounds of ${String(eventsOfRound)} after one to warm up, taking turns. Load of the machine meanwhile: ${loads.map((load) => digits(load, 1)).join(' to ')}, the bench itself included.`,
  };
}
