/** R3: fifty watch the registry over the deaths of two supervisors; each sees what was true, in order, and goes on. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RegistryDelta, RegistryService } from '../../../src/mesh/registry-view.ts';
import type { SupervisorOrder } from '../../fixtures/registry/supervisor.ts';
import { times } from '../../fuzz/chance.ts';
import { TemporaryFolder } from '../../os/temporary-folder.ts';
import { allWritten, keys, Proxy, Watcher, written } from './watchers.ts';
import type { Heard } from './watchers.ts';

const program = new URL('../../fixtures/registry/supervisor.ts', import.meta.url);
const generations = 3;
const changes = times(500, 4_000);
const watchers = { near: 44, lossy: 5, slow: 1 };
const count = watchers.near + watchers.lossy + watchers.slow;

interface Truth {
  /** By revision: which service was changed, and what it was then. */
  readonly changed: Map<number, string>;
  /** By revision: all services. */
  readonly whole: Map<number, string>;
}

/** Each generation begins with nobody. */
function readTruth(file: string): Truth {
  const truth: Truth = { changed: new Map(), whole: new Map() };
  let services = new Map<string, RegistryService>();
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const { previous, revision, service, entry } = JSON.parse(line) as RegistryDelta;
    if (previous % 2 ** 32 === 0) {
      services = new Map();
      truth.whole.set(previous, allWritten(services));
    }
    if (entry !== null) services.set(service, entry);
    truth.changed.set(revision, written(entry));
    truth.whole.set(revision, allWritten(services));
  }
  return truth;
}

/** No message ever shows what was not true at its revision, nor one before the last. */
function assertTrue(heard: readonly Heard[], truth: Truth): void {
  let last = 0;
  for (const { op, revision, seen } of heard) {
    assert.ok(revision >= last, `${String(revision)} after ${String(last)}`);
    // A change that was not applied, and there is nothing new to compare.
    if (op === 'delta' && revision === last) continue;
    assert.equal(seen, (op === 'delta' ? truth.changed : truth.whole).get(revision), String(revision));
    last = revision;
  }
}

/** Through an undisturbed connection: each change, once, from the welcome on. */
function assertComplete(heard: readonly Heard[]): void {
  let last = 0;
  for (const { op, revision } of heard) {
    assert.notEqual(op, 'snapshot', 'nobody had to ask');
    if (op === 'delta') assert.equal(revision, last + 1);
    last = revision;
  }
}

async function hears(supervisor: ChildProcess, word: string): Promise<void> {
  for (;;) {
    const [said] = (await once(supervisor, 'message')) as [string];
    if (said === word) return;
  }
}

const untilAll = async (what: string, isSo: () => boolean): Promise<void> => {
  const limit = performance.now() + 60_000;
  while (!isSo()) {
    assert.ok(performance.now() < limit, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test('R3 fifty watchers see every change in order and once, catch up after what is lost, and go on with a successor', async (context) => {
  using folder = new TemporaryFolder();
  const [path, lossyPath, slowPath, truthFile] = ['c.sock', 'l.sock', 's.sock', 'truth'].map((name) =>
    join(folder.path, name),
  ) as [string, string, string, string];
  writeFileSync(truthFile, '');
  const lossy = new Proxy(lossyPath, path, { lose: 37, repeat: 23 });
  const slow = new Proxy(slowPath, path, {});
  const all = Array.from({ length: count }, (_, n) => {
    if (n < watchers.near) return new Watcher(path, n + 1);
    return new Watcher(n < watchers.near + watchers.lossy ? lossyPath : slowPath, n + 1);
  });
  let supervisor: ChildProcess | undefined;
  try {
    for (let generation = 1; generation <= generations; generation += 1) {
      supervisor = fork(program);
      const isLast = generation === generations;
      const over = isLast ? hears(supervisor, 'done') : once(supervisor, 'exit');
      const order: SupervisorOrder = {
        ...{ path, publicKey: keys.publicKey, generation, truth: truthFile },
        ...{ watchers: count, changes },
        ...(isLast ? {} : { diesAfter: changes - 3 }),
      };
      supervisor.send(order);
      await hears(supervisor, 'begun');
      slow.isSlow = generation === 1;
      await over;
      slow.goOn();
    }
    const last = generations * 2 ** 32 + changes;
    // The last change may be one that was lost: nothing comes after it that would tell.
    const isThere = ({ view }: Watcher, n: number): boolean =>
      view.revision === last || (n >= watchers.near && view.revision >= last - 40);
    await untilAll('all have the last change', () => all.every(isThere));
    const truth = readTruth(truthFile);
    for (const { heard } of all) assertTrue(heard, truth);
    for (const { heard } of all.slice(0, watchers.near)) assertComplete(heard);
    const [first] = all as [Watcher];
    const asked = all.flatMap(({ heard }) => heard).filter(({ op }) => op === 'snapshot').length;
    const deltas = all.flatMap(({ heard }) => heard).filter(({ op }) => op === 'delta').length;
    context.diagnostic(
      `${String(truth.changed.size)} changes of ${String(generations)} supervisors, ${String(deltas)} heard by ${String(count)}; ${String(lossy.lost)} lost and ${String(lossy.repeated)} repeated on the way, ${String(asked)} snapshots asked for`,
    );
    assert.equal(allWritten(first.view.services()), truth.whole.get(last));
    assert.ok(lossy.lost > 0 && lossy.repeated > 0 && asked > 0, 'nothing was lost: it shows nothing');
    assert.ok(asked <= lossy.lost, 'it asked again before it was answered');
    for (const { heard } of all)
      assert.equal(heard.filter(({ op }) => op === 'welcome').length, generations, 'one welcome of each');
  } finally {
    supervisor?.kill('SIGKILL');
    for (const one of all) one.close();
    lossy.close();
    slow.close();
  }
});
