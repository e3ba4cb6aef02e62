/** Nothing that somebody else wrote makes a reader throw but its refusal, change what all objects have, or take long. */
import assert from 'node:assert/strict';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isTuttiError } from '../../src/core/errors.ts';
import { Chance, times } from './chance.ts';
import { always, hostile } from './mutate.ts';
import { targets } from './targets.ts';
import type { Target } from './targets.ts';

/** In all. */
const inputs = times(20_000, 1_000_000);
const weight = ({ isSlow }: Target): number => (isSlow === true ? 0.1 : 1);
const weights = targets.reduce((sum, target) => sum + weight(target), 0);
const { seed } = new Chance();
const slowest = { usMs: 250, keptMb: 16, growthMb: 256 };
const ofAllObjects = Object.getOwnPropertyNames(Object.prototype).join();

const isRefusal = (error: unknown): boolean =>
  isTuttiError(error, 'PROTOCOL_ERROR') ||
  isTuttiError(error, 'INVALID_INPUT') ||
  isTuttiError(error, 'CONFIG_INVALID');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Of the heap: what lies outside of it is freed a while after its owner. */
function keptBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

const plain = ({ frame }: Target, n: number): Buffer => {
  const body = Buffer.from(always[n] ?? '');
  return frame === undefined ? body : frame(body);
};

async function feed({ read }: Target, bytes: Buffer, folder: string): Promise<void> {
  const before = process.threadCpuUsage();
  try {
    await read(bytes, folder);
  } catch (error) {
    assert.ok(isRefusal(error), error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const { user, system } = process.threadCpuUsage(before);
  assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), ofAllObjects, 'all objects were changed');
  assert.ok(
    (user + system) / 1_000 < slowest.usMs,
    `it took ${String((user + system) / 1_000)} ms of the processor`,
  );
}

for (const [index, target] of targets.entries())
  test(`${target.name}: hostile input is refused, costs little and changes nothing else`, async (context) => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-fuzz-'));
    const share = Math.ceil((inputs * weight(target)) / weights);
    const chance = new Chance(seed + index);
    let before = { rss: 0, kept: 0 };
    for (let n = 0; n < share; n += 1) {
      // What a process needs to get going with any input is no growth.
      if (n === Math.floor(share / 10)) before = { rss: process.memoryUsage().rss, kept: keptBytes() };
      const bytes = n < always.length ? plain(target, n) : hostile(target, chance);
      try {
        await feed(target, bytes, folder.path);
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error);
        throw new Error(
          `TUTTI_SEED=${String(seed)}, input ${String(n)}, base64 ${bytes.toString('base64').slice(0, 4_000)}: ${words}`,
          {
            cause: error,
          },
        );
      }
    }
    context.diagnostic(`TUTTI_SEED=${String(seed)}, ${String(share)} inputs`);
    const grownMb = (process.memoryUsage().rss - before.rss) / 1_048_576;
    const keptMb = (keptBytes() - before.kept) / 1_048_576;
    assert.ok(
      grownMb < slowest.growthMb && keptMb < slowest.keptMb,
      `the process grew by ${grownMb.toFixed(0)} MB, and keeps ${keptMb.toFixed(1)} (TUTTI_SEED=${String(seed)})`,
    );
  });

/** Found by chance, or nearly missed by it, and kept. */
const kept: [what: string, target: string, body: string][] = [
  ['a protocol that cannot become a text', 'mesh hello', '{"protocol":{"toString":1},"certificate":{}}'],
  ['a protocol nested deep', 'mesh welcome', `{"protocol":${'['.repeat(3_000)}${']'.repeat(3_000)}}`],
  [
    'an entry that is null',
    'app files as data',
    '{"kind":"app","name":"a","services":{"a":null},"gateways":{"b":null}}',
  ],
  [
    'a signal that cannot become a text',
    'keeper frames',
    '{"op":"signal","id":3,"key":"k","signal":{"toString":-1},"group":true}',
  ],
  [
    'a spool that is null',
    'keeper frames',
    '{"op":"spawn","id":1,"key":"k","epoch":1,"entry":"/x","args":[],"cwd":"/","env":{},"birth":[null],"listeners":[],"spool":null}',
  ],
];
for (const [what, name, body] of kept)
  test(`kept: ${what} is refused as what it is (${name})`, async () => {
    const target = targets.find((one) => one.name === name);
    assert.ok(target);
    await feed(target, target.frame?.(Buffer.from(body)) ?? Buffer.from(body), '');
  });
