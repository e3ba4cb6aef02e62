/** What Node has compiled is written down by each instance, since one that is killed leaves nothing by itself: when nobody asks it for anything yet. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Command, fixture, makeHome } from './command.ts';

/** Notes who writes it. */
const spy = `
  import { appendFileSync } from 'node:fs';
  import module, { syncBuiltinESMExports } from 'node:module';
  const flush = module.flushCompileCache;
  module.flushCompileCache = () => {
    flush();
    appendFileSync(process.env.FLUSHED, process.pid + '\\n');
  };
  syncBuiltinESMExports();
`;

test('an instance that is ready has written what Node compiled', async () => {
  using home = makeHome();
  const file = join(home.folder, 'spy.mjs');
  const flushed = join(home.folder, 'flushed');
  writeFileSync(file, spy);
  writeFileSync(flushed, '');
  const env = { FLUSHED: flushed, NODE_OPTIONS: `--import ${pathToFileURL(file).href}` };
  await using app = new Command(home.folder, ['start', fixture('journey/tutti.ts')], env);
  const { services } = await app.ready();
  const pids = services.flatMap(({ instances }) => instances.map(({ pid }) => String(pid)));
  const wrote = readFileSync(flushed, 'utf8').split('\n');
  assert.ok(pids.length > 0);
  assert.deepEqual(
    pids.filter((pid) => !wrote.includes(pid)),
    [],
  );
});
