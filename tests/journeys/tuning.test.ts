/** What an app file says of calls reaches whoever calls: gateways, the shell, and tests in one process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isTuttiError } from '../../src/core/errors.ts';
import { startTestApp } from '../../src/testing/index.ts';
import { Command, fixture, makeHome } from './command.ts';

const app = fixture('tuning/tutti.ts');
const bin = fileURLToPath(new URL('../../bin/tutti.js', import.meta.url));

async function get(url: string): Promise<{ code?: string; asked?: number }> {
  // Half of what the gateway would wait by itself.
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  return (await response.json()) as { code?: string; asked?: number };
}

test('gateway and shell call a service as the app file says', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  await command.ready();
  const url = await command.url();
  assert.deepEqual(await get(`${url}/here`), { asked: 0 });

  const env = { ...process.env, XDG_RUNTIME_DIR: home.folder, TUTTI_STATE_DIR: `${home.folder}/.tutti` };
  const { stderr } = spawnSync(process.execPath, [bin, 'call', 'slow.wait', '--app', app], { env });
  const { code, afterMs } = JSON.parse(stderr.toString()) as { code: string; afterMs: number };
  assert.deepEqual([code, afterMs], ['CALL_TIMED_OUT', 150]);

  assert.equal((await get(`${url}/flaky`)).code, 'NO_INSTANCE');
  assert.deepEqual(await get(`${url}/here`), { asked: 2 }, 'once, and once more');

  const codes: (string | undefined)[] = [];
  // A call that a busy machine does not carry so far in time speaks against nobody.
  while (codes.at(-1) !== 'CIRCUIT_OPEN' && codes.length < 100) codes.push((await get(`${url}/wait`)).code);
  assert.deepEqual([...new Set(codes)], ['CALL_TIMED_OUT', 'CIRCUIT_OPEN']);
  const { avoided } = await command.until('it is known', (status) => status.avoided.length > 0);
  assert.ok(avoided[0]?.kind === 'breaker');
  assert.deepEqual([avoided[0].action, avoided[0].failures], ['wait', 2]);
});

test('in one process it is the same', async () => {
  await using running = await startTestApp(pathToFileURL(app));
  await assert.rejects(running.call('slow.wait'), (error) => {
    assert.ok(isTuttiError(error, 'CALL_TIMED_OUT'));
    assert.equal(error.data['afterMs'], 150);
    return true;
  });
  await assert.rejects(running.call('slow.flaky'), (error) => isTuttiError(error, 'NO_INSTANCE'));
  assert.deepEqual(await running.call('slow.here'), { asked: 2 });
});
