/** What every driver of the change log must do. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { bounds } from '../../../src/core/bounds.ts';
import { systemClock } from '../../../src/os/clock.ts';
import type { ChangeLog, LogRecord } from '../../../src/stores/change-log/change-log.ts';
import { makeChangeLog } from '../../../src/stores/change-log/open-change-log.ts';
import { setBound } from '../store-folder.ts';
import type { EngineName, EngineServer } from './engine-servers.ts';
import { missing, startEngine } from './engine-servers.ts';
import { MemoryChangeLog, MemoryEngine } from './memory-change-log.ts';

const record = (number: number, text = `commit ${String(number)}`): LogRecord => ({
  number,
  bytes: Buffer.from(text),
});
const owner = (seat: string): { claim: string; seat: string; label: string } => ({
  claim: randomUUID(),
  seat,
  label: `whoever sits on ${seat}`,
});
async function* partsOf(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(part);
}
const putCopy = (log: ChangeLog, number: number, ...parts: Uint8Array[]): Promise<void> =>
  log.putCopy({ number, checksum: 7, parts: partsOf(...parts) });

async function readAll(log: ChangeLog, after: number): Promise<LogRecord[]> {
  const all: LogRecord[] = [];
  for (;;) {
    const more = await log.read(all.at(-1)?.number ?? after);
    if (more.length === 0) return all;
    all.push(...more);
  }
}

/** @param open one more connection to the log of a store. */
function checkChangeLog(
  name: string,
  skip: string | false,
  open: (store: string) => Promise<ChangeLog>,
): void {
  const check = (title: string, run: (log: ChangeLog, store: string) => Promise<void>): void => {
    test(`${name}: ${title}`, { skip }, async () => {
      const store = `test-${randomUUID()}`;
      const log = await open(store);
      try {
        await run(log, store);
      } finally {
        await log.close();
      }
    });
  };

  check('nothing is there at first, and nothing follows it but what follows a copy', async (log) => {
    assert.equal(await log.copy(), undefined);
    assert.deepEqual(await log.read(-1), []);
    assert.equal(await log.append(record(1)), 'gap');
    await putCopy(log, 0, Buffer.from('empty'));
    assert.equal(await log.append(record(2)), 'gap');
    assert.equal(await log.append(record(1)), 'kept');
    assert.equal(await log.append(record(2)), 'kept');
    assert.deepEqual(
      (await readAll(log, 0)).map(({ number, bytes }) => [number, Buffer.from(bytes).toString()]),
      [
        [1, 'commit 1'],
        [2, 'commit 2'],
      ],
    );
  });

  check(
    'a commit that is asked for again is kept once, and another of its number is refused',
    async (log) => {
      await putCopy(log, 0, Buffer.from('empty'));
      for (let number = 1; number <= 3; number += 1) assert.equal(await log.append(record(number)), 'kept');
      assert.equal(await log.append(record(3)), 'kept');
      assert.equal(await log.append(record(2)), 'kept');
      assert.equal(await log.append(record(3, 'another one')), 'taken');
      assert.equal(await log.append(record(1, 'another one')), 'taken');
      assert.equal(await log.append(record(5)), 'gap');
      assert.equal((await readAll(log, 0)).length, 3);
    },
  );

  check('of many who add the same number at once one does, through two connections', async (log, store) => {
    await putCopy(log, 0, Buffer.from('empty'));
    const other = await open(store);
    try {
      const said = await Promise.all(
        Array.from({ length: 20 }, (_none, who) =>
          (who % 2 === 0 ? log : other).append(record(1, String(who))),
        ),
      );
      assert.equal(said.filter((one) => one === 'kept').length, 1);
      assert.equal(said.filter((one) => one === 'taken').length, 19);
      assert.equal((await readAll(log, 0)).length, 1);
    } finally {
      await other.close();
    }
  });

  check('bytes come back as they were, also many', async (log) => {
    const bytes = [Buffer.from([]), Buffer.from([0, 255, 0, 13, 10, 36]), randomBytes(5_000_000)];
    await putCopy(log, 0, Buffer.from('empty'));
    for (const [index, one] of bytes.entries()) await log.append({ number: index + 1, bytes: one });
    const found = await readAll(log, 0);
    for (const [index, one] of bytes.entries())
      assert.equal(Buffer.compare(one, found[index]?.bytes ?? Buffer.from('nothing')), 0);
  });

  check('a copy takes the place of the one before and of what it holds, and of nothing else', async (log) => {
    await putCopy(log, 0, Buffer.from('empty'));
    for (let number = 1; number <= 100; number += 1) await log.append(record(number));
    const parts = [randomBytes(1_000_000), randomBytes(1_000_000), randomBytes(10)];
    await putCopy(log, 60, ...parts);
    const copy = await log.copy();
    assert.deepEqual([copy?.number, copy?.checksum], [60, 7]);
    assert.ok(copy);
    assert.equal(Buffer.compare(Buffer.concat(await Array.fromAsync(copy.parts)), Buffer.concat(parts)), 0);
    const left = await readAll(log, 0);
    assert.deepEqual([left[0]?.number, left.length], [61, 40]);
    assert.equal(await log.append(record(101)), 'kept');
    await putCopy(log, 101, Buffer.from('all'));
    assert.deepEqual(await readAll(log, 0), []);
    assert.equal(await log.append(record(101, 'another one')), 'taken');
    assert.equal(await log.append(record(102)), 'kept');
  });

  check('a copy that is older than the one that is there, or breaks off, changes nothing', async (log) => {
    await putCopy(log, 5, Buffer.from('five'));
    await log.append(record(6));
    await putCopy(log, 4, Buffer.from('four')).catch(() => undefined);
    const breaking = (async function* breaks() {
      yield await Promise.resolve(Buffer.from('half'));
      throw new Error('the disk is gone');
    })();
    await assert.rejects(log.putCopy({ number: 6, checksum: 7, parts: breaking }), /the disk is gone/);
    const copy = await log.copy();
    assert.ok(copy);
    assert.equal(Buffer.concat(await Array.fromAsync(copy.parts)).toString(), 'five');
    assert.equal((await readAll(log, 5)).length, 1);
    assert.equal(await log.append(record(7)), 'kept');
  });

  check('one owner at a time: the same seat at once, another when it is given back', async (log) => {
    const [first, same, other] = [owner('here'), owner('here'), owner('there')];
    assert.equal(await log.claim(first), undefined);
    assert.equal(await log.claim(first), undefined);
    assert.equal(await log.renew(first), true);
    const refused = await log.claim(other);
    assert.equal(refused?.label, first.label);
    assert.ok(refused.heardMsAgo >= 0 && refused.heardMsAgo < 5_000);
    assert.equal(await log.renew(other), false);
    assert.equal(await log.claim(same), undefined);
    assert.equal(await log.renew(first), false);
    await log.release(first);
    assert.notEqual(await log.claim(other), undefined);
    await log.release(same);
    assert.equal(await log.claim(other), undefined);
    assert.equal(await log.renew(same), false);
  });

  test(
    `${name}: an owner that is not heard of loses the store to whoever asks`,
    { skip },
    async (context) => {
      setBound(context, 'storeLeaseMs', 300);
      const log = await open(`test-${randomUUID()}`);
      try {
        const [first, other] = [owner('here'), owner('there')];
        await log.claim(first);
        const from = performance.now();
        while ((await log.claim(other)) !== undefined) await new Promise(setImmediate);
        assert.ok(performance.now() - from >= bounds.storeLeaseMs - 50);
        assert.equal(await log.renew(first), false);
      } finally {
        await log.close();
      }
    },
  );

  check('stores of other names are other stores', async (log, store) => {
    await putCopy(log, 0, Buffer.from('empty'));
    await log.append(record(1));
    const other = await open(`${store}-other`);
    try {
      assert.equal(await other.copy(), undefined);
      assert.deepEqual(await other.read(-1), []);
      assert.equal(await log.claim(owner('here')), undefined);
      assert.equal(await other.claim(owner('there')), undefined);
    } finally {
      await other.close();
    }
  });
}

const memory = new Map<string, MemoryEngine>();
checkChangeLog('memory', false, (store) => {
  const engine = memory.get(store) ?? new MemoryEngine(systemClock);
  memory.set(store, engine);
  return Promise.resolve(new MemoryChangeLog(engine));
});

const servers = new Map<EngineName, Promise<EngineServer>>();
test.after(async () => {
  for (const server of servers.values()) await (await server)[Symbol.asyncDispose]();
});
for (const engine of ['redis', 'postgres'] as const)
  checkChangeLog(engine, missing[engine], async (store) => {
    const starting = servers.get(engine) ?? startEngine[engine]();
    servers.set(engine, starting);
    const { url } = await starting;
    const log = await makeChangeLog({ engine, url, name: store });
    await log.open();
    return log;
  });
