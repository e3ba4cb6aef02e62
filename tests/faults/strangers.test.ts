/** The sweep of a new start, and who must not be hit by it. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { fixture, makeHome } from '../journeys/command.ts';

test('fault 27: a stranger who got the pid of a dead instance is left alone by the next start', async (context) => {
  if (spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status !== 0) {
    context.skip('needs root and pid namespaces');
    return;
  }
  using home = makeHome();
  // The shell is the first process there and reaps the dead: a zombie would hold its number.
  const script = '"$0" "$@"; exit $?';
  const args = [fixture('faults/reused-pid.ts'), fixture('faults/acts.ts'), home.folder];
  const { stdout } = await promisify(execFile)(
    'unshare',
    ['-pf', '--mount-proc', 'bash', '-c', script, process.execPath, ...args],
    { timeout: 60_000 },
  );
  const { wanted, stranger, lives } = JSON.parse(stdout) as {
    wanted: number;
    stranger: number;
    lives: boolean;
  };
  assert.equal(stranger, wanted);
  assert.equal(lives, true);
});
