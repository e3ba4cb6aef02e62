/** What reaches the disk, and when: seen in the system calls of a real owner. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ledgerArea } from '../stores/ledger-area.ts';
import { OwnerProcess, withoutStrace } from '../stores/owner-process.ts';
import type { OwnerOptions } from '../stores/owner-process.ts';
import { StoreFolder } from '../stores/store-folder.ts';

const skip = withoutStrace();
const calls = 'openat,pwrite64,write,fdatasync,fsync';

async function traced(folder: StoreFolder, options: Omit<OwnerOptions, 'file'>): Promise<string[]> {
  const trace = folder.file('trace');
  // -y: with the path of each descriptor.
  const strace = ['-f', '-y', '-qq', '--seccomp-bpf', '-s', '16', '-e', `trace=${calls}`, '-o', trace];
  await using owner = new OwnerProcess({ file: folder.store, ...options }, strace);
  await owner.ended();
  assert.equal(owner.lines.at(-1), 'end', owner.stderr);
  assert.equal(owner.acked.length, options.count);
  return readFileSync(trace, 'utf8').split('\n');
}

interface Seen {
  readonly acks: number;
  /** Of them those that left while something of a log was not synced, or without a sync since the commit before. */
  readonly early: number;
  readonly syncs: number;
}

/** Of the descriptors of the redo log those that were opened with O_DSYNC: each write to one is a sync. */
function syncingOf(lines: readonly string[]): Set<string> {
  const opened = lines.map(
    (line) => /openat\(.*store\.db\.redo", [^)]*O_DSYNC[^)]*\) = (\d+)</.exec(line)?.[1],
  );
  return new Set(opened.filter((fd) => fd !== undefined));
}

/** Of SQLite's log or the redo log. */
function readTrace(lines: readonly string[], group: number): Seen {
  let [acks, early, syncs] = [0, 0, 0];
  // Those that may leave: as many as a commit has, behind each sync.
  let [isDirty, acksSince] = [false, group];
  const synced = syncingOf(lines);
  // A call during which another thread makes one is told in two lines, each with the number of its thread.
  const syncing = new Set<string>();
  for (const line of lines) {
    const [thread = ''] = line.split(' ', 1);
    const redo = /pwrite64\((\d+)<[^>]*store\.db\.redo>/.exec(line)?.[1];
    const isSync =
      /f(data)?sync\(\d+<[^>]*store\.db-wal>/.test(line) || (redo !== undefined && synced.has(redo));
    if (isSync && line.includes('<unfinished')) syncing.add(thread);
    else if (isSync || (/(sync|pwrite64) resumed/.test(line) && syncing.delete(thread))) {
      isDirty = false;
      acksSince = 0;
      syncs += 1;
    } else if (redo !== undefined || /pwrite64\(\d+<[^>]*store\.db-wal>/.test(line)) isDirty = true;
    else if (/write\(1<[^>]*>, "open/.test(line)) acksSince = group;
    else if (/write\(1<[^>]*>, "ack /.test(line)) {
      acks += 1;
      acksSince += 1;
      if (isDirty || acksSince > group) early += 1;
    }
  }
  return { acks, early, syncs };
}

/** One that is held until SQLite commits it with others, and one that SQLite commits at once. */
const sizes = { small: 'a text', big: 'x'.repeat(70_000) } as const;

for (const [size, text] of Object.entries(sizes)) {
  test(`under load no answer leaves before its commit is synced (${size} ones)`, { skip }, async () => {
    using folder = new StoreFolder();
    const seen = readTrace(await traced(folder, { count: 400, group: 20, text }), 20);
    assert.deepEqual([seen.acks, seen.early], [400, 0]);
    assert.ok(seen.syncs >= 20 && seen.syncs <= 60, `${String(seen.syncs)} syncs for 20 commits`);
  });

  test(
    `nor with commits between them for which nobody waits, which leave before (${size} ones)`,
    { skip },
    async () => {
      using folder = new StoreFolder();
      const lines = await traced(folder, { count: 400, group: 20, text, patient: 1 });
      const seen = readTrace(lines, 20);
      assert.deepEqual([seen.acks, seen.early], [400, 0]);
      const notes = lines.filter((line) => /write\(1<[^>]*>, "noted /.test(line)).length;
      assert.ok(
        notes === 20 && seen.syncs <= 60,
        `${String(seen.syncs)} syncs for ${String(notes)} notes more`,
      );
    },
  );

  test(`with synchronous=NORMAL they do (${size} ones): this test can fail`, { skip }, async () => {
    using folder = new StoreFolder();
    const options = { count: 40, group: 20, text, synchronous: 'NORMAL' } as const;
    const seen = readTrace(await traced(folder, options), 20);
    assert.deepEqual([seen.acks, seen.early], [40, 40]);
  });
}

test(
  'the folder is synced after the last file was made in it, before the store is open',
  { skip },
  async () => {
    using folder = new StoreFolder();
    const lines = await traced(folder, { count: 1 });
    const open = lines.findIndex((line) => /write\(1<[^>]*>, "open/.test(line));
    const made = lines.findLastIndex(
      (line, index) => index < open && line.includes('O_CREAT') && line.includes(`"${folder.path}/store.db`),
    );
    const synced = lines.findLastIndex(
      (line, index) => index < open && line.includes(`fsync(`) && line.includes(`<${folder.path}>)`),
    );
    assert.ok(
      made > 0 && synced > made && open > synced,
      `made ${String(made)}, synced ${String(synced)}, open ${String(open)}`,
    );
  },
);

for (const [size, text] of Object.entries(sizes))
  test(
    `what a killed owner wrote and did not sync (${size} commits) is synced by its successor before that answers`,
    { skip },
    async () => {
      using folder = new StoreFolder();
      {
        await using owner = new OwnerProcess({ file: folder.store, count: 100, think: 1, text });
        await owner.until(() => owner.acked.length >= 5);
        await owner.kill();
      }
      const lines = await traced(folder, { from: 200, count: 1 });
      const open = lines.findIndex((line) => /write\(1<[^>]*>, "open/.test(line));
      const synced = lines.findIndex((line) => /f(data)?sync\(\d+<[^>]*store\.db-wal>/.test(line));
      assert.ok(synced > 0 && synced < open, `synced ${String(synced)}, open ${String(open)}`);
      const redoSynced = lines.findIndex((line) => /fsync\(\d+<[^>]*store\.db\.redo>/.test(line));
      assert.ok(redoSynced > 0 && redoSynced < synced, `the redo log: ${String(redoSynced)}`);
    },
  );

for (const [size, call, file] of [
  ['small', 'pwrite64', '.redo'],
  ['big', 'fsync', '-wal'],
] as const)
  test(
    `a commit whose sync fails (a ${size} one) is answered as unknown, and the store does nothing more until it is opened anew`,
    { skip },
    async () => {
      using folder = new StoreFolder();
      await folder.open([ledgerArea]).close();
      // Not those of the opening.
      const inject = `inject=${call}:error=EIO:when=2+`;
      const trace = ['-f', '-qq', '-P', folder.store + file, '-e', `trace=${call}`, '-e', inject];
      const options = { from: 1, count: 6, group: 2, text: sizes[size] };
      await using owner = new OwnerProcess({ file: folder.store, ...options }, [...trace, '-o', '/dev/null']);
      await owner.ended();
      const refused = owner.lines.filter((line) => line.startsWith('refused'));
      assert.ok(refused.length >= 2, owner.lines.join(', '));
      assert.deepEqual([...new Set(refused.map((line) => line.split(' ')[2]))], ['STORE_UNREACHABLE']);
      assert.equal(
        owner.lines.filter((line) => line.startsWith('error The store can do nothing more')).length,
        1,
      );
      await using store = folder.open([ledgerArea]);
      const numbers = store.query({ area: 'ledger', name: 'numbers' }) as number[];
      assert.deepEqual(
        owner.acked.filter((number) => !numbers.includes(number)),
        [],
      );
      assert.deepEqual((await store.verify()).problems, []);
    },
  );
