/** Channels between real processes, which are killed and replaced while messages move: what the sender is told is what was seen. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { allPids, Command, fixture, makeHome } from './command.ts';

const app = fixture('channels/tutti.ts');

interface Ends {
  readonly taken: readonly number[];
  readonly unknown: readonly number[];
  readonly no: readonly number[];
  readonly codes: readonly string[];
  readonly sent: number;
}

class Journey {
  readonly command: Command;
  readonly #seenFile: string;

  constructor(folder: string) {
    this.#seenFile = join(folder, 'seen');
    this.command = new Command(folder, ['start', app], { SEEN_FILE: this.#seenFile });
  }

  async ask<T>(action: string): Promise<T> {
    const input = { action, input: {}, deadlineMs: 60_000 };
    return (await this.command.admin.post<{ output: T }>('/call', input, { timeoutMs: 60_000 })).output;
  }

  /** Until messages have gone to and fro, from now. */
  async moves(): Promise<void> {
    const before = await this.ask<{ taken: number; done: number }>('boss.sent');
    for (;;) {
      const { taken, done } = await this.ask<{ taken: number; done: number }>('boss.sent');
      if (taken > before.taken + 100 && done > before.done) return;
      await pause(20);
    }
  }

  /** `run` or `seen`, the process, and the number. */
  lines(kind: 'run' | 'seen'): readonly (readonly string[])[] {
    const text = existsSync(this.#seenFile) ? readFileSync(this.#seenFile, 'utf8') : '';
    return text
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([first]) => first === kind);
  }

  get runner(): number {
    return Number(this.lines('run').at(-1)?.[1]);
  }

  /** What the sender was told against what was seen. */
  check(ends: Ends): void {
    const seen = new Map<number, number>();
    for (const [, , n] of this.lines('seen')) seen.set(Number(n), (seen.get(Number(n)) ?? 0) + 1);
    const twice = [...seen].filter(([, times]) => times > 1);
    assert.deepEqual(twice, [], 'messages were seen twice');
    assert.deepEqual(
      ends.taken.filter((n) => !seen.has(n)),
      [],
      'messages were said to be taken that nobody saw',
    );
    assert.deepEqual(
      ends.no.filter((n) => seen.has(n)),
      [],
      'messages were said not to be taken that somebody saw',
    );
    const told = [...ends.taken, ...ends.no, ...ends.unknown].sort((one, other) => one - other);
    assert.deepEqual(
      told,
      Array.from({ length: ends.sent }, (_hole, at) => at + 1),
      'messages were not told of',
    );
  }
}

test('whoever kills the other side under load: each message is taken and seen once, or told to be lost', async (t) => {
  using home = makeHome();
  const journey = new Journey(home.folder);
  await using command = journey.command;
  await command.ready();
  await journey.ask('boss.go');
  const kills = 5;
  for (let kill = 1; kill <= kills; kill += 1) {
    await journey.moves();
    process.kill(journey.runner, 'SIGKILL');
    await command.until('it was opened again', () => journey.lines('run').length > kill);
    await command.ready();
  }
  await journey.moves();
  const ends = await journey.ask<Ends>('boss.end');
  journey.check(ends);
  assert.deepEqual(ends.codes, ['INSTANCE_LOST']);
  assert.ok(ends.unknown.length > 0, 'nothing was in flight');
  // Each run begins with what the caller knew at the loss.
  const after = journey.lines('run').map((line) => Number(line.at(-1)));
  assert.ok(
    after.every((n, at) => at === 0 || n > (after[at - 1] ?? 0)),
    String(after),
  );
  const { taken, unknown, no } = ends;
  t.diagnostic(
    `${String(kills)} kills: ${String(taken.length)} taken, ${String(unknown.length)} unknown, ${String(no.length)} not taken`,
  );
});

test('a rolling restart moves a channel on, and leaves nothing unknown', async (t) => {
  using home = makeHome();
  const journey = new Journey(home.folder);
  await using command = journey.command;
  const before = allPids(await command.ready());
  await journey.ask('boss.go');
  await journey.moves();
  await command.admin.post('/restart', { target: 'worker', rolling: true });
  await command.until('all have been replaced', ({ services }) => {
    const worker = services.find(({ name }) => name === 'worker');
    return (
      worker?.ready === 2 &&
      worker.instances.length === 2 &&
      worker.instances.every(({ pid }) => pid !== null && !before.includes(pid))
    );
  });
  await journey.moves();
  const ends = await journey.ask<Ends>('boss.end');
  journey.check(ends);
  assert.ok(journey.lines('run').length > 1);
  assert.deepEqual(ends.unknown, []);
  assert.deepEqual(
    ends.codes.filter((code) => code !== 'STOPPING'),
    [],
  );
  const { taken, no } = ends;
  t.diagnostic(`a roll: ${String(taken.length)} taken, ${String(no.length)} not taken`);
});
