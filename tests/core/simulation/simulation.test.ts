/**
 * Many worlds, each from a seed. `TUTTI_SEED=n` tells the story of one; `TUTTI_SEEDS=1000` runs so many instead of as many as
 * fit, and `npm run test:long` 200,000.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world.ts';

const budgetMs = 4_000;
const fewest = 200;
const told = 60;

/** Of seeds that found something: they stay. */
const named: readonly (readonly [string, number])[] = [
  ['looks before a long stall do not help to condemn after it', 622],
  ['a successor does not hold against anybody what it did not see', 3_787],
];

function run(seed: number): number {
  try {
    const world = new World(seed);
    world.run();
    return world.steps;
  } catch (error) {
    throw new Error(`${String(error)}\nTUTTI_SEED=${String(seed)}\n${story(seed).slice(-told).join('\n')}`, {
      cause: error,
    });
  }
}

/** The same again, told. */
function story(seed: number): string[] {
  const lines: string[] = [];
  try {
    new World(seed, (line) => lines.push(line)).run();
  } catch {
    // It is known how it ends.
  }
  return lines;
}

const { TUTTI_SEED, TUTTI_LONG } = process.env;
const wished = process.env['TUTTI_SEEDS'] ?? (TUTTI_LONG === '1' ? '200000' : undefined);

if (TUTTI_SEED === undefined) {
  for (const [name, seed] of named)
    test(name, () => {
      run(seed);
    });

  test('in every world: legal edges, one process per slot, the healthy live, the asked is done, ends end, failures count', (context) => {
    const first = Number(process.env['TUTTI_FIRST_SEED'] ?? 1);
    const before = process.cpuUsage();
    const usedMs = (): number => (process.cpuUsage(before).user + process.cpuUsage(before).system) / 1_000;
    let seeds = 0;
    let steps = 0;
    while (wished === undefined ? seeds < fewest || usedMs() < budgetMs : seeds < Number(wished)) {
      steps += run(first + seeds);
      seeds += 1;
    }
    context.diagnostic(
      `${String(seeds)} seeds, ${String(Math.round(steps / seeds))} steps each, ${(usedMs() / seeds).toFixed(2)} ms each`,
    );
    assert.ok(steps > 0);
  });
} else
  test(`the world of seed ${TUTTI_SEED}`, () => {
    for (const line of story(Number(TUTTI_SEED))) console.log(line);
    run(Number(TUTTI_SEED));
  });
