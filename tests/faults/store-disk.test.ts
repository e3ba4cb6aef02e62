/** A disk that is full, that may only be read, that takes no more of a file: a typed refusal, nothing half-written, and work goes on when it can. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import type { ErrorCode } from '../../src/core/errors.ts';
import { isTuttiError } from '../../src/core/errors.ts';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { ledgerArea } from '../stores/ledger-area.ts';
import { OwnerProcess } from '../stores/owner-process.ts';
import {
  fillDisk,
  makeImage,
  mountImage,
  mountMemory,
  remount,
  unmount,
  withoutDisk,
} from '../stores/small-disk.ts';
import { StoreFolder } from '../stores/store-folder.ts';

const area = 'ledger';
const add = (store: Store, number: number, text = 'a text'): Promise<unknown> =>
  store.mutate({ area, name: 'add', input: { number, text } });
const numbers = (store: Store): number[] => store.query({ area, name: 'numbers' }) as number[];
const refused = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isTuttiError(error, code));

const kinds = ['memory', 'image'] as const;

/** Runs with a folder on a small disk. */
async function onSmallDisk(
  kind: (typeof kinds)[number],
  use: (folder: StoreFolder) => Promise<void>,
): Promise<void> {
  using outside = new StoreFolder();
  using folder = new StoreFolder();
  const image = outside.file('image');
  const trouble =
    kind === 'memory'
      ? mountMemory(folder.path, '4m')
      : (makeImage(image, '8M') ?? mountImage(image, folder.path));
  assert.equal(trouble, undefined);
  try {
    await use(folder);
  } finally {
    unmount(folder.path);
  }
}

/** Adds until the disk is full; gives the numbers that were answered for. */
async function addUntilFull(store: Store): Promise<number[]> {
  const added: number[] = [];
  for (let number = 1; ; number += 3) {
    const group = [number, number + 1, number + 2];
    const results = await Promise.allSettled(group.map((each) => add(store, each, 'x'.repeat(2_000))));
    added.push(...group.filter((_each, index) => results[index]?.status === 'fulfilled'));
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    if (reasons.length === 0) continue;
    assert.ok(
      reasons.every((reason) => isTuttiError(reason, 'STORE_FULL') && reason.retryable),
      String(reasons),
    );
    return added;
  }
}

for (const kind of kinds)
  test(
    `a full disk (${kind}): refused by name, nothing half-written, reads go on, and writes when there is room`,
    { skip: withoutDisk(kind) },
    () =>
      onSmallDisk(kind, async (folder) => {
        await using store = folder.open([ledgerArea]);
        await add(store, 0);
        const giveBack = fillDisk(folder.path);
        const added = await addUntilFull(store);
        assert.deepEqual(numbers(store), [0, ...added]);
        for (let again = 0; again < 5; again += 1)
          await refused(add(store, 9_999, 'x'.repeat(20_000)), 'STORE_FULL');
        await refused(store.verify(), 'STORE_FULL');
        await refused(store.backup(folder.file('copy')), 'STORE_FULL');
        assert.equal(store.query({ area, name: 'text', input: { number: 0 } }), 'a text');
        giveBack();
        await add(store, 10_000);
        assert.deepEqual(numbers(store), [0, ...added, 10_000]);
        const { problems } = await store.verify();
        assert.deepEqual(problems, []);
      }),
  );

for (const [size, text] of [
  ['small', 'x'.repeat(4_000)],
  ['big', 'x'.repeat(66_000)],
] as const)
  test(
    `a store opens on a full disk, can be read, and loses nothing of a killed owner (${size} commits)`,
    { skip: withoutDisk('memory') },
    () =>
      onSmallDisk('memory', async (folder) => {
        await using owner = new OwnerProcess({
          ...{ file: folder.store, count: 20 },
          ...{ think: 1, stays: 60_000, text },
        });
        await owner.until(() => owner.acked.length >= 20);
        await owner.kill();
        const giveBack = fillDisk(folder.path);
        await using store = folder.open([ledgerArea]);
        assert.ok(folder.said.includes('warn The disk of the store is full: it can be read'));
        const found = numbers(store);
        assert.deepEqual(
          owner.acked.filter((number) => !found.includes(number)),
          [],
        );
        giveBack();
        await add(store, 1_000);
      }),
  );

test(
  'a disk that went read-only is told from one that is full, at opening',
  { skip: withoutDisk('memory') },
  () =>
    onSmallDisk('memory', async (folder) => {
      await folder.open([ledgerArea]).close();
      assert.equal(remount(folder.path, 'ro'), undefined);
      assert.throws(
        () => folder.open([ledgerArea]),
        (error) => isTuttiError(error, 'STORE_READ_ONLY'),
      );
      assert.equal(remount(folder.path, 'rw'), undefined);
      await using store = folder.open([ledgerArea]);
      await add(store, 1);
    }),
);

const withoutLimit = ((): string | false => {
  const { status, error, stderr } = spawnSync('prlimit', ['--version'], { encoding: 'utf8' });
  return status === 0 ? false : `prlimit is missing: ${error?.message ?? stderr}`;
})();

test(
  'a limit on the size of files is a full disk, and lifting it is enough',
  { skip: withoutLimit },
  async () => {
    using folder = new StoreFolder();
    await folder.open([ledgerArea]).close();
    await using owner = new OwnerProcess({
      file: folder.store,
      count: 1_000_000,
      think: 1,
      text: 'x'.repeat(500),
    });
    await owner.until(() => owner.acked.length > 0);
    const limit = (bytes: string): void => {
      const { status, stderr } = spawnSync(
        'prlimit',
        ['--pid', String(owner.child.pid), `--fsize=${bytes}:`],
        { encoding: 'utf8' },
      );
      assert.equal(status, 0, stderr);
    };
    limit(String(statSync(`${folder.store}-wal`).size + 20_000));
    await owner.until(() => owner.lines.some((line) => line.startsWith('refused')));
    const before = owner.acked.length;
    assert.match(owner.lines.find((line) => line.startsWith('refused')) ?? '', /STORE_FULL$/);
    limit('unlimited');
    await owner.until(() => owner.acked.length > before + 5);
    await owner.kill();
    await using store = folder.open([ledgerArea]);
    const found = numbers(store);
    const refusedOnes = owner.lines
      .filter((line) => line.startsWith('refused'))
      .map((line) => Number(line.split(' ')[1]));
    assert.deepEqual(
      [
        ...owner.acked.filter((number) => !found.includes(number)),
        ...refusedOnes.filter((number) => found.includes(number)),
      ],
      [],
    );
  },
);
