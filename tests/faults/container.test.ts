/** As a container runs it: our keeper is the first process there is, and only two folders take writes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Command, fixture, instanceOf, makeHome } from '../journeys/command.ts';

/** What is mounted in $XDG_RUNTIME_DIR keeps taking writes; nothing else does. */
const script = `
  mount --bind "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR" && mount -o remount,ro,bind / || exit 90
  if touch "$TMPDIR/probe" 2>/dev/null; then exit 91; fi
  exec "$@"
`;
const inside = ['unshare', '-mpf', '--mount-proc', '--kill-child'];

test('as PID 1 with a root that takes no writes: it serves, brings back who is killed, and SIGTERM ends it in order', async (context) => {
  if (spawnSync('unshare', [...inside.slice(1), 'true']).status !== 0) {
    context.skip('needs root and namespaces');
    return;
  }
  using home = makeHome();
  using elsewhere = makeHome();
  await using app = new Command(
    home.folder,
    { args: ['start', fixture('journey/tutti.ts')], through: [...inside, 'bash', '-c', script, 'container'] },
    { HOME: elsewhere.folder, TMPDIR: elsewhere.folder },
  );
  const before = await app.ready();
  assert.equal(before.pids.keeper, 1);
  assert.equal((await fetch(`${await app.url()}/say/x`)).status, 200);

  const keeper = Number(readFileSync(`/proc/${String(app.pid)}/task/${String(app.pid)}/children`, 'utf8'));
  const kill = (pid: number | null, signal: string): void => {
    const { status, stderr } = spawnSync('nsenter', [
      ...['-t', String(keeper), '-m', '-p', 'kill', `-${signal}`, String(pid)],
    ]);
    assert.equal(status, 0, String(stderr));
  };
  kill(instanceOf(before, 'echo#1').pid, 'KILL');
  await app.until('its next is ready', (status) => {
    const { state, epoch } = instanceOf(status, 'echo#1');
    return state === 'ready' && epoch === 2;
  });
  kill(before.pids.supervisor, 'KILL');
  await app.until('its successor is there', ({ pids }) => pids.supervisor !== before.pids.supervisor);
  assert.equal((await fetch(`${await app.url()}/say/x`)).status, 200);

  process.kill(keeper, 'SIGTERM');
  assert.equal(await app.exited, 0, app.said);
});
