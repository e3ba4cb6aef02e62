/** More than an action can do: who is refused, when, and who is served meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isTuttiError } from '../../src/core/errors.ts';
import type { CallOptions } from '../../src/mesh/outgoing-call.ts';
import { drivers, MeshWorld } from './mesh-world.ts';

/** What became of a call, and when. */
interface End {
  readonly code: string;
  readonly tookMs: number;
}

for (const [driver, open] of Object.entries(drivers)) {
  /** One that takes 20 ms for each call, one after the other. */
  const busy = async (
    world: MeshWorld,
  ): Promise<{
    readonly call: (options?: CallOptions) => Promise<End>;
    readonly openBreakers: () => number;
  }> => {
    await world.serve({ concurrency: 1, actions: { work: () => pause(20) } });
    const caller = world.caller();
    const call = async (options: CallOptions = {}): Promise<End> => {
      const began = performance.now();
      const code = await caller.call('users', 'work', {}, options).then(
        () => 'done',
        (error: unknown) => (isTuttiError(error) ? error.code : String(error)),
      );
      return { code, tookMs: performance.now() - began };
    };
    // Its pace is known when all places were taken for a while.
    await Promise.all(Array.from({ length: 20 }, () => call()));
    return { call, openBreakers: () => caller.stats().openBreakers.length };
  };

  test(`${driver}: who would wait longer than a second is refused at once`, async () => {
    await using world = new MeshWorld(open());
    const { call } = await busy(world);
    const ends = await Promise.all(Array.from({ length: 200 }, () => call()));
    const refused = ends.filter(({ code }) => code === 'OVERLOADED');
    // Fifty find room in a second; on a machine with little time a few less or more.
    assert.ok(refused.length > 100, `${String(refused.length)} of 200 were refused`);
    // Some whose wait was a little longer than foreseen hear of it when it is over.
    const atOnce = refused.filter(({ tookMs }) => tookMs < 500).length;
    assert.ok(atOnce > 100, `${String(atOnce)} of ${String(refused.length)} were refused at once`);
    assert.ok(ends.filter(({ code }) => code === 'done').length > 20);
  });

  test(`${driver}: who would wait past its deadline is refused at once`, async () => {
    await using world = new MeshWorld(open());
    const { call } = await busy(world);
    const ends = await Promise.all(Array.from({ length: 60 }, () => call({ deadlineMs: 300 })));
    const count = (code: string): number => ends.filter((end) => end.code === code).length;
    assert.ok(count('OVERLOADED') > 30, JSON.stringify(ends.map(({ code }) => code)));
  });

  test(`${driver}: refusals open no breaker`, async () => {
    await using world = new MeshWorld(open());
    const { call, openBreakers } = await busy(world);
    await Promise.all(Array.from({ length: 200 }, () => call()));
    assert.equal(openBreakers(), 0);
    assert.equal((await call()).code, 'done');
  });

  test(`${driver}: while higher ones come without an end the lowest have their turns`, async () => {
    await using world = new MeshWorld(open());
    const { call } = await busy(world);
    let isOver = false;
    const high = async (): Promise<void> => {
      while (!isOver) await call({ priority: 9 });
    };
    const all = Array.from({ length: 4 }, high);
    const low = await Promise.all([1, 2, 3].map(() => call({ priority: 0 })));
    isOver = true;
    await Promise.all(all);
    assert.deepEqual(
      low.map(({ code }) => code),
      ['done', 'done', 'done'],
    );
  });
}
