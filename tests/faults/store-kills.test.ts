/**
 * The owner of a store is killed at every system call with which a commit, a migration or the closing changes the disk: what was answered is there, the
 * rest whole or not at all, and a call that is repeated is done once.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Store } from '../../src/stores/sqlite/store.ts';
import { ledgerArea, nextLedgerArea } from '../stores/ledger-area.ts';
import { OwnerProcess, withoutStrace } from '../stores/owner-process.ts';
import type { OwnerOptions } from '../stores/owner-process.ts';
import { StoreFolder } from '../stores/store-folder.ts';
import { slowTest } from '../fuzz/chance.ts';

const skip = withoutStrace();
/** Every point, or so many of them. */
const mostPoints = process.env['TUTTI_LONG'] === '1' ? Infinity : 20;
const calls = ['pwrite64', 'fdatasync', 'fsync', 'ftruncate', 'unlink'] as const;
type Call = (typeof calls)[number];

/** A store that has been used and closed, beside which each round begins anew. */
async function usedStore(): Promise<StoreFolder> {
  const folder = new StoreFolder();
  const store = folder.open([ledgerArea]);
  for (let number = 1; number <= 20; number += 1)
    await store.mutate({ area: 'ledger', name: 'add', input: { number, text: `a text ${String(number)}` } });
  await store.close();
  return folder;
}

function copyOf(from: StoreFolder): StoreFolder {
  const folder = new StoreFolder();
  cpSync(from.path, folder.path, { recursive: true });
  return folder;
}

/** The calls that a run makes, in their order, each with its number among those of its kind. */
async function pointsOf(from: StoreFolder, workload: Omit<OwnerOptions, 'file'>): Promise<[Call, number][]> {
  using folder = copyOf(from);
  const trace = folder.file('trace');
  const strace = ['-f', '-qq', '--seccomp-bpf', '-e', `trace=${calls.join(',')}`, '-o', trace];
  await using owner = new OwnerProcess({ file: folder.store, ...workload }, strace);
  await owner.ended();
  assert.equal(owner.lines.at(-1), 'end', owner.stderr);
  return readPoints(trace);
}

/** Those of the thread that has the store: strace counts for each thread. */
function readPoints(trace: string): [Call, number][] {
  const lines = readFileSync(trace, 'utf8').split('\n');
  const thread = lines.find((line) => line.includes('pwrite64('))?.split(' ')[0] ?? '';
  const counts = new Map<string, number>();
  return lines.flatMap((line): [Call, number][] => {
    const call = calls.find((name) => line.startsWith(`${thread} `) && line.includes(` ${name}(`));
    if (call === undefined) return [];
    const count = (counts.get(call) ?? 0) + 1;
    counts.set(call, count);
    return [[call, count]];
  });
}

/** As many as there may be, spread over all. */
const chosen = <T>(points: readonly T[], most = mostPoints): T[] => {
  const step = Math.max(1, points.length / most);
  return points.filter((_point, index) => Math.floor(index / step) > Math.floor((index - 1) / step));
};

interface Kill {
  readonly folder: StoreFolder;
  readonly options: Omit<OwnerOptions, 'file'>;
  readonly point: [Call, number];
}

/** Runs the owner up to that call; gives what it was answered for. */
async function killedAt({ folder, options: workload, point: [call, count] }: Kill): Promise<number[]> {
  // Without --seccomp-bpf, with which strace injects nothing.
  const inject = `inject=${call}:signal=SIGKILL:when=${String(count)}`;
  const strace = ['-f', '-qq', '-e', `trace=${call}`, '-e', inject, '-o', '/dev/null'];
  await using owner = new OwnerProcess({ file: folder.store, ...workload }, strace);
  await owner.ended();
  assert.notEqual(owner.lines.at(-1), 'end', `${call} ${String(count)} killed nobody`);
  return owner.acked;
}

async function sound(store: Store, what: string): Promise<void> {
  const report = await store.verify();
  assert.deepEqual(report.problems, [], what);
}

/** Three at a time: each waits for the disk more than it works. */
async function atEach(
  points: readonly [Call, number][],
  run: (point: [Call, number]) => Promise<void>,
): Promise<void> {
  const waiting = [...points];
  const work = async (): Promise<void> => {
    for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) await run(point);
  };
  await Promise.all([work(), work(), work()]);
}

const options = { from: 21, count: 9, group: 3 } as const;
/** What is held until SQLite commits it with others; and what SQLite commits at once, three of them together. */
const texts = { small: 'a text', big: 'x'.repeat(12_000) } as const;
const ids = Array.from({ length: options.count }, (_none, index) => options.from + index);

async function killInCommits(used: StoreFolder, text: string, point: [Call, number]): Promise<number> {
  const what = point.join(' ');
  using folder = copyOf(used);
  const acked = await killedAt({ folder, options: { ...options, text }, point });
  await using store = folder.open([ledgerArea]);
  const numbers = store.query({ area: 'ledger', name: 'numbers' }) as number[];
  // Nothing of a commit, or all of it.
  assert.ok([20, 23, 26, 29].includes(numbers.length), `${what}: ${String(numbers.length)} numbers`);
  const lost = acked.filter((number) => !numbers.includes(number));
  assert.deepEqual(lost, [], what);
  for (const number of ids) {
    const input = { number, text: `${text} ${String(number)}` };
    const operation = { instance: 'owner', epoch: 1, number };
    assert.equal(await store.mutate({ area: 'ledger', name: 'add', input, operation }), number, what);
  }
  assert.equal((store.query({ area: 'ledger', name: 'numbers' }) as number[]).length, 29, what);
  await sound(store, what);
  return acked.length;
}

for (const [size, text] of Object.entries(texts))
  test(
    `an owner killed at every write of its commits (${size} ones) has lost nothing that was answered`,
    { skip },
    async () => {
      using used = await usedStore();
      const points = chosen(await pointsOf(used, { ...options, text }));
      assert.ok(points.length >= Math.min(10, mostPoints), `${String(points.length)} points`);
      let acknowledged = 0;
      await atEach(points, async (point) => {
        const acked = await killInCommits(used, text, point);
        acknowledged += acked;
      });
      assert.ok(acknowledged > 0);
    },
  );

test(
  'a successor killed at every write with which it takes over what was held leaves it to the next one',
  { skip },
  async () => {
    using used = await usedStore();
    await using owner = new OwnerProcess({ file: used.store, ...options, stays: 60_000 });
    await owner.until(() => owner.acked.length === options.count);
    await owner.kill();
    const opening = { count: 0 } as const;
    await atEach(chosen(await pointsOf(used, opening)), async (point) => {
      using folder = copyOf(used);
      await killedAt({ folder, options: opening, point });
      await using store = folder.open([ledgerArea]);
      const what = point.join(' ');
      assert.equal((store.query({ area: 'ledger', name: 'numbers' }) as number[]).length, 29, what);
      await sound(store, what);
    });
  },
);

slowTest(
  'an owner killed within a migration leaves it undone or done, and the next one goes on',
  { skip },
  async () => {
    using used = await usedStore();
    const newer = { count: 0, migrations: 2 } as const;
    const points = chosen(await pointsOf(used, newer), mostPoints / 2);
    await atEach(points, async (point) => {
      const what = point.join(' ');
      using folder = copyOf(used);
      await killedAt({ folder, options: newer, point });
      await using store = folder.open([nextLedgerArea]);
      assert.equal((store.query({ area: 'ledger', name: 'numbers' }) as number[]).length, 20, what);
      assert.equal(store.query({ area: 'ledger', name: 'notes' }), 20, what);
      await sound(store, what);
    });
  },
);
