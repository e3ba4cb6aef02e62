/** `tutti restart --rolling`, and what is told of a service that does not start. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { AppStatus } from '../../src/core/status.ts';
import { CommandWorld } from './command-world.ts';
import { slowTest } from '../fuzz/chance.ts';

const rolling = resolve(import.meta.dirname, '../fixtures/rolling/tutti.ts');

slowTest(
  'a rolling restart tells of each instance, also over the death of the supervisor, and of a release that is refused',
  async () => {
    await using world = new CommandWorld();
    const env = { FOLDER: world.folder, REPLICAS: '2' };
    const run = (...args: string[]): ReturnType<typeof world.start> =>
      world.start([...args, '--app', rolling], { env });
    assert.equal((await world.run(['start', rolling, '-d'], { env })).code, 0);
    const done = await run('restart', 'worker', '--rolling').ended;
    assert.deepEqual([done.code, done.out], [0, 'worker: 2 of 2 replaced, 0 refused\n'], done.err);
    assert.match(
      done.err,
      /worker#3 is ready\n[^]*worker#1 has stopped: replaced by worker#3: rolling restart by hand\n/,
    );

    const survivor = run('restart', 'worker', '--rolling');
    await survivor.said(/one at a time/);
    const status = JSON.parse((await run('status', '--json').ended).out) as AppStatus;
    process.kill(status.pids.supervisor, 'SIGKILL');
    const survived = await survivor.ended;
    assert.deepEqual(
      [survived.code, survived.out],
      [0, 'worker: 2 of 2 replaced, 0 refused\n'],
      survived.err,
    );

    writeFileSync(join(world.folder, 'broken'), '');
    const undone = await run('restart', 'worker', '--rolling').ended;
    assert.deepEqual([undone.code, undone.out], [5, ''], undone.err);
    assert.match(
      undone.err,
      /worker: 0 of 2 replaced; the roll was undone: worker#\d did not become ready: broken on purpose.*; the old ones serve on\n/,
    );
    assert.match(undone.err, / \| Error: broken on purpose\n[^]* {2}Look: npx tutti why worker\n$/);
    assert.doesNotMatch(undone.err, /starts again/);
    const why = await run('why', 'worker').ended;
    assert.match(
      why.out,
      /the roll was undone, the old ones stay: worker#\d did not become ready: broken on purpose/,
    );
    assert.match(why.out, /npx tutti restart worker --rolling +once the new release is mended/);
    const view = JSON.parse((await run('restart', 'worker', '--rolling', '--json').ended).out) as object;
    assert.deepEqual(
      { ...view, reason: '' },
      {
        ...{ service: 'worker', result: 'roll:undone', total: 2, replaced: 0, refused: 1, reason: '' },
      },
    );
    rmSync(join(world.folder, 'broken'));
    const late = await run('restart', 'worker', '--rolling', '--wait', '1ms').ended;
    assert.equal(late.code, 4);
    assert.match(late.err, /it goes on by itself/);
  },
);

test('of a service that does not start why tells what it said last, and what to type once it is mended', async () => {
  await using world = new CommandWorld();
  const env = { OPENS: 'never', MAX_RESTARTS: '1' };
  assert.equal((await world.run(['start', '-d'], { env })).code, 4);
  const out = await world.ok('why', 'greeter');
  assert.match(out, /^greeter#1 has failed .* ago and is not started again: /);
  assert.match(
    out,
    /exited with code 1 before it was ready, as pid \d+: cannot open .*; it is not started again: 2nd quick failure/,
  );
  assert.match(out, /wrote to stderr before it ended at [^]*\n {2}\| the database is not there\n/);
  assert.match(out, /npx tutti start greeter +once it is mended\n$/);
  assert.match(await world.ok('why'), /^parlour is (dead|unhealthy)\n\ngreeter#1 has failed/);
});
