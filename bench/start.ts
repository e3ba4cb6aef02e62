/**
 * How soon is a service there, and what does it hold in memory? Then: a whole app of 3, 10 and 30 services.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import { privateMiB } from './lib/proc.ts';
import { answer, end, meeting, startFile, startRole } from './lib/spawn.ts';
import { chosen, digits, markdown, medians } from './lib/table.ts';
import type { Answer, Settings } from './lib/table.ts';
import { startedWithinMs } from './lib/tutti.ts';
import {
  appText,
  buildPackage,
  packedTutti,
  serviceWithZod,
  startTuttiInstances,
  userFolder,
} from './peers/tutti-start.ts';

interface Start extends Record<string, number> {
  readyMs: number;
  memoryMiB: number;
}

/** Memory is read when the process has come to rest. */
const restMs = 500;

async function measure(spawn: () => ChildProcess): Promise<Start> {
  const began = performance.now();
  const child = spawn();
  try {
    await answer(child);
    const readyMs = performance.now() - began;
    await delay(restMs);
    return { readyMs, memoryMiB: privateMiB(child.pid ?? 0) };
  } finally {
    await end(child);
  }
}

const peers: Readonly<Record<string, () => Promise<Start>>> = {
  'Node alone': () => measure(() => startFile('peers/bare-start.js')),
  'Node and zod': () => measure(() => startFile('peers/zod-start.js')),
  Moleculer: async () => {
    const at = await meeting();
    return measure(() => startRole('moleculer-calls', 'serve', at));
  },
  Nest: async () => {
    const at = await meeting();
    return measure(() => startRole('nest-calls', 'serve', at));
  },
};

async function oneService(settings: Settings): Promise<string[][]> {
  await using closers = new AsyncDisposableStack();
  const all = new Map(chosen(peers, settings));
  if (!settings.without.includes('Tutti')) {
    const instances = closers.use(await startTuttiInstances(restMs));
    all.set('Tutti', () => instances.again('plain'));
    all.set('Tutti and zod', () => instances.again('zodded'));
  }
  const results = new Map<string, Start[]>([...all.keys()].map((name) => [name, []]));
  // The first round only warms the compile cache and the disk.
  for (let turn = 0; turn <= (settings.smoke ? 1 : 7); turn += 1) {
    for (const [name, start] of all) {
      const result = await start();
      if (turn > 0) results.get(name)?.push(result);
    }
  }
  return [...results].map(([name, starts]) => {
    const { readyMs = NaN, memoryMiB = NaN } = medians<string>(starts);
    return [name, digits(readyMs), digits(memoryMiB, 1)];
  });
}

/** The time of the middle one of three starts of an app with so many services. */
async function wholeApp(services: number, rounds: number): Promise<string[]> {
  const names = Array.from({ length: services }, (_none, index) => `service${String(index)}`);
  const modules = names.map((name) => [`services/${name}.ts`, serviceWithZod(name)]);
  const entries = Object.fromEntries(names.map((name) => [name, { module: `./services/${name}.ts` }]));
  const folder = userFolder({
    ...(Object.fromEntries(modules) as Record<string, string>),
    'tutti.ts': appText({ name: 'many', services: entries }),
  });
  const times: { ms: number }[] = [];
  for (let turn = 0; turn < rounds; turn += 1)
    times.push({ ms: await startedWithinMs(join(folder, 'tutti.ts'), packedTutti) });
  return [`Tutti app of ${String(services)} services`, digits(medians(times).ms), '–'];
}

export async function start(settings: Settings): Promise<Answer> {
  const { smoke, without } = settings;
  buildPackage();
  const rows = await oneService(settings);
  const apps = without.includes('Tutti') ? [] : smoke ? [3] : [3, 10, 30];
  for (const services of apps) rows.push(await wholeApp(services, smoke ? 1 : 3));
  return {
    question: 'How soon is a service ready, and what does it hold?',
    table: markdown(['peer', 'ready after ms', 'private MiB'], rows),
    note: 'From spawn to being callable; all with a warm compile cache of Node. Tutti: the package as it is published, an action without schemas, and one with. An app: from the command `tutti start -d` to its return.',
  };
}
