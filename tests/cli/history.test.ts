/** What is remembered from before: told as what happened now, never trusted, and what is missing is said. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandWorld } from './command-world.ts';

const remembered = (seq: number, more: object): string =>
  JSON.stringify({
    ...{ type: 'instance', seq, time: Date.now() - 60_000, instance: 'greeter#1@9', service: 'greeter' },
    ...{ from: 'ready', to: 'pending', reason: 'exited with code 3', failures: 1, crashLoop: false },
    ...more,
  });

test('history and why go on with what an earlier start wrote, say what is gone, and let no control character through', async () => {
  await using world = new CommandWorld();
  const folder = join(world.env.TUTTI_STATE_DIR, 'events');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const first = 2 ** 32 + 1_000;
  const lines = [
    remembered(first, { evidence: { code: 3, readyForMs: 900, stderr: ['bell \u0007 red \u001b[31m', 4] } }),
    remembered(first + 1, { evidence: {}, to: 'asleep', reason: 'tired\u001b[2J' }),
    '{"half',
  ];
  writeFileSync(join(folder, 'events.jsonl'), `${lines.join('\n')}\n`);
  await world.ok('start', '-d');
  const heard = await world.run(['history', '--after', String(first - 500)]);
  assert.match(heard.err, new RegExp(`^tutti: events are missing: ${String(first)} is the oldest`));
  assert.match(
    heard.out,
    /greeter#1 +exited with code 3 after it was ready for 900 ms; starts again at once\n/,
  );
  assert.match(heard.out, /greeter#1 +tired\\u001b\[2J\n[^]*the app was started/);
  const goneOn = await world.run(['history', '--after', String(first)]);
  assert.doesNotMatch(goneOn.err, /missing/);
  const why = await world.ok('why', 'greeter#1');
  assert.match(why, / {2}\| bell \\u0007 red \\u001b\[31m\n/);
  for (const out of [heard.out, why]) assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f]/);
});
