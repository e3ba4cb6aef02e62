/** A disk that is full: services run on, output is dropped and counted, and all is well again when there is room. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command, fixture, makeHome } from '../journeys/command.ts';

const file = fixture('output/tutti.ts');

/** A small disk for one folder. Gives why it cannot be had. */
function mountSmall(folder: string, size: string): string | undefined {
  const { status, stderr, error } = spawnSync(
    'mount',
    ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', folder],
    {
      encoding: 'utf8',
    },
  );
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

const reason = ((): string | false => {
  using home = makeHome();
  const refused = mountSmall(home.folder, '1m');
  if (refused === undefined) spawnSync('umount', [home.folder]);
  return refused === undefined ? false : `no small disk can be mounted: ${refused}`;
})();

/** Takes all the room there is; gives the way to give it back. */
function fill(folder: string): () => void {
  const path = join(folder, 'filler');
  const fd = openSync(path, 'w');
  for (const piece of [Buffer.alloc(65_536), Buffer.alloc(1)]) {
    try {
      while (writeSync(fd, piece) > 0);
    } catch {
      // It is full for pieces of this size.
    }
  }
  closeSync(fd);
  return () => {
    rmSync(path);
  };
}

interface Line {
  readonly seq: number;
  readonly instance: string;
  readonly message: string;
  readonly fields?: { readonly count?: number; readonly reason?: string; readonly lines?: number };
}
const logLines = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);

async function remembered(app: Command): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of app.admin.follow('/logs', AbortSignal.timeout(20_000))) lines.push(line as Line);
  return lines;
}

async function untilLine(app: Command, what: string, isIt: (line: Line) => boolean): Promise<Line> {
  const until = performance.now() + 30_000;
  for (;;) {
    const found = (await remembered(app)).find(isIt);
    if (found !== undefined) return found;
    assert.ok(performance.now() < until, `no such line: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const say = (app: Command, text: string): Promise<unknown> =>
  app.admin.post('/call', { action: 'loud.say', input: { text } });

for (const where of ['state', 'logs'] as const)
  test(
    `fault 30: the disk of the ${where} is full: services run on, what is lost is counted, and it recovers`,
    { skip: reason },
    async () => {
      using home = makeHome();
      const disk = join(home.folder, where === 'state' ? '.tutti' : 'logs');
      mkdirSync(disk, { mode: 0o700 });
      assert.equal(mountSmall(disk, '4m'), undefined);
      try {
        await runFull(home.folder, disk, where);
      } finally {
        spawnSync('umount', ['-l', disk]);
      }
    },
  );

async function runFull(home: string, disk: string, where: 'state' | 'logs'): Promise<void> {
  const logFile = join(home, 'logs/app.log');
  await using app = new Command(home, ['start', file], { LOG_FILE: logFile });
  const first = await app.ready();
  const url = await app.url();
  await say(app, 'before');
  await untilLine(app, 'before', ({ message }) => message === 'stdout before');
  const giveBack = fill(disk);
  // More than the rest of a page that is theirs already.
  for (let n = 0; n < 200; n += 1) await say(app, `meanwhile ${String(n)} ${'x'.repeat(1_000)}`);
  assert.equal((await fetch(`${url}/hello`)).status, 200);
  assert.equal((await fetch(`${url}/quiet`)).status, 200);
  if (where === 'logs')
    await untilLine(app, 'trouble', ({ message }) => message === 'The log file cannot be written');
  else await untilLine(app, 'full', ({ message }) => message === 'The disk is full: output is lost');
  giveBack();
  if (where === 'state') {
    const lost = await untilLine(app, 'lost', ({ message }) => message.startsWith('Output was lost'));
    assert.equal(lost.fields?.reason, 'ENOSPC');
    assert.ok((lost.fields.count ?? 0) > 0);
    assert.match(lost.instance, /^loud#1@1$/);
  }
  await say(app, 'after');
  await untilLine(app, 'after', ({ message }) => message === 'stdout after');
  const after = await app.status();
  assert.deepEqual(after.pids, first.pids);
  assert.ok(after.services.every(({ instances }) => instances.every(({ epoch }) => epoch === 1)));
  app.child.kill('SIGTERM');
  await app.exited;
  const written = logLines(readFileSync(logFile, 'utf8'));
  const seqs = written.map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    seqs.toSorted((left, right) => left - right),
  );
  const counted = written.reduce((sum, { fields }) => sum + (fields?.lines ?? 0), 0);
  // Every line of the stream has a number: those that are not in the file are those that it says were lost.
  if (where === 'logs') assert.equal(written.length + counted, (seqs.at(-1) ?? 0) - (seqs[0] ?? 0) + 1);
  for (const text of ['before', 'after'])
    assert.ok(written.some(({ message }) => message === `stdout ${text}`));
}
