/** What `jobs` promises, with an app in the test's own process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestApp } from '../../../src/testing/index.ts';

const folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-jobs-'));
const app = await startTestApp(new URL('../../fixtures/jobs/tutti.ts', import.meta.url), {
  env: { HEARD: join(folder.path, 'heard') },
});

test('first', async () => {
  const added = await app.call('office.add', { args: [{ number: 4 }] });
  console.log(added);
  console.log(await app.call('office.waitFor', { args: [(added as any).id, { timeoutMs: 3000 }] }));
  console.log(await app.call('office.counts', {}));
  const c = await app.call('office.add', { args: [{ number: 4, fails: 5 }] });
  console.log(await app.call('office.waitFor', { args: [(c as any).id, { timeoutMs: 3000 }] }));
  await app.close();
});
