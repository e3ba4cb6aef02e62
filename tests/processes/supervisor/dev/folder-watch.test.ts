import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FolderWatch } from '../../../../src/processes/supervisor/dev/folder-watch.ts';
import { systemClock } from '../../../../src/os/clock.ts';
import { fakeClock } from '../../../../src/testing/fake-clock.ts';

function makeFolder(): { readonly folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-watch-'));
  return {
    folder,
    [Symbol.dispose]: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Collects what is seen; `seen` waits for one of them. */
function makeWatch(): { watch: FolderWatch; seen: (path: string) => Promise<void> } & Disposable {
  const paths = new Set<string>();
  let wake = Promise.withResolvers<undefined>();
  const watch = new FolderWatch({
    clock: systemClock,
    say: (sentence) => assert.fail(sentence),
    onEvent: (path) => {
      paths.add(path ?? '');
      wake.resolve(undefined);
      wake = Promise.withResolvers();
    },
  });
  const seen = async (path: string): Promise<void> => {
    while (!paths.delete(path)) await wake.promise;
  };
  return {
    watch,
    seen,
    [Symbol.dispose]: () => {
      watch.close();
    },
  };
}

// A watch holds no process: while the test waits, something must.
const awake = setInterval(() => undefined, 1_000);
test.after(() => {
  clearInterval(awake);
});

test('a file that is written, replaced or deleted is seen', { timeout: 20_000 }, async () => {
  using home = makeFolder();
  using watched = makeWatch();
  const file = join(home.folder, 'a.ts');
  watched.watch.follow([file]);
  writeFileSync(file, '1');
  await watched.seen(file);
  writeFileSync(`${file}~`, '2');
  await watched.seen(`${file}~`);
  renameSync(`${file}~`, file);
  await watched.seen(file);
  rmSync(file);
  await watched.seen(file);
});

test(
  'a folder that is not there yet, or comes again as another one, is followed',
  { timeout: 20_000 },
  async () => {
    using home = makeFolder();
    using watched = makeWatch();
    const folder = join(home.folder, 'lib');
    const file = join(folder, 'a.ts');
    for (const round of ['first', 'second']) {
      watched.watch.follow([file, join(home.folder, 'tutti.ts')]);
      mkdirSync(folder);
      await watched.seen(folder);
      watched.watch.follow([file]);
      writeFileSync(file, round);
      await watched.seen(file);
      rmSync(folder, { recursive: true });
      await watched.seen(file);
    }
    // Deleted and made again between two looks: the same name, another folder.
    mkdirSync(folder);
    watched.watch.follow([file]);
    renameSync(folder, `${folder}-old`);
    mkdirSync(folder);
    watched.watch.follow([file]);
    // A name of which nothing was heard yet.
    const other = join(folder, 'b.ts');
    writeFileSync(other, 'third');
    await watched.seen(other);
  },
);

for (const code of ['ENOSPC', 'EMFILE'])
  test(`where the system has no more watches (${code}) it looks by the clock, and says so once`, () => {
    using home = makeFolder();
    const clock = fakeClock();
    const said: string[] = [];
    let events = 0;
    const none = (() => {
      throw Object.assign(new Error('no more'), { code });
    }) as unknown as typeof watch;
    const folderWatch = new FolderWatch({
      ...{ clock, watch: none },
      onEvent: (path) => {
        assert.equal(path, undefined);
        events += 1;
      },
      say: (sentence) => said.push(sentence),
    });
    folderWatch.follow([join(home.folder, 'a.ts'), join(tmpdir(), 'b.ts')]);
    folderWatch.follow([join(home.folder, 'a.ts')]);
    clock.advance(2_000);
    assert.equal(events, 4);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', new RegExp(`${code}.*every 500 ms`));
    folderWatch.close();
    clock.advance(2_000);
    assert.equal(events, 4);
    assert.equal(clock.pending, 0);
  });
