import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { AppStatus } from '../../src/core/status.ts';
import { runDirectory } from '../../src/os/directories.ts';
import { statisticsPath } from '../../src/os/shared-memory-path.ts';
import { allPids, Command, fixture, makeHome, pidOf } from '../journeys/command.ts';
import { livesStill } from '../journeys/processes.ts';

const file = fixture('faults/tutti.ts');
const home = makeHome();
const runDir = runDirectory(file, { XDG_RUNTIME_DIR: home.folder, tmp: home.folder, uid: 0 });
const control = join(runDir, 'control.sock');
const admin = join(runDir, 'admin.sock');
let app: Command;
let first: AppStatus;

before(async () => {
  app = new Command(home.folder, ['start', file]);
  first = await app.ready();
});
after(async () => {
  await app[Symbol.asyncDispose]();
  assert.deepEqual(allPids(first).filter(livesStill), []);
  home[Symbol.dispose]();
});

const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1_024;

/** Writes until it is closed, however much that takes. */
async function pour(path: string, pieces: Iterable<Buffer>): Promise<number> {
  const socket = connect(path);
  let written = 0;
  const closed = once(socket, 'close').catch(() => undefined);
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  for (const piece of pieces) {
    if (socket.destroyed) break;
    written += piece.length;
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
  }
  await closed;
  return written;
}

const frame = (body: string | Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(Buffer.byteLength(body));
  return Buffer.concat([head, Buffer.from(body)]);
};
function* times(count: number, piece: Buffer): Iterable<Buffer> {
  for (let n = 0; n < count; n += 1) yield piece;
}
const mebibyte = Buffer.alloc(1_048_576, 'x');

/** The supervisor is the one of the start, and the app answers. */
async function isUnharmed(): Promise<void> {
  assert.deepEqual((await app.status()).pids, first.pids);
  assert.equal((await fetch(`${await app.url()}/hello`)).status, 200);
}

const hostile: [what: string, pieces: Iterable<Buffer>][] = [
  ['no JSON', [frame('{"op":')]],
  ['null', [frame('null')]],
  ['a number', [frame('5')]],
  ['200,000 nested lists', [frame('['.repeat(200_000))]],
  ['200 MB in one frame', [Buffer.from([0x0b, 0xeb, 0xc2, 0x00]), ...times(200, mebibyte)]],
  ['200 MB without end', times(200, mebibyte)],
  ['random bytes', [Buffer.from(Array.from({ length: 4_096 }, (_, n) => (n * 7_919) % 251))]],
  ['a ready before hello', [frame('{"op":"ready","manifestHash":""}')]],
  [
    'a hello with a forged certificate',
    [
      frame(
        '{"op":"hello","protocol":1,"certificate":{"text":"{}","signature":"AA=="},"phase":"ready","manifestHash":""}',
      ),
    ],
  ],
];
for (const [what, pieces] of hostile)
  test(`fault 32, N-30: ${what} on the control socket closes that connection, and costs nothing`, async () => {
    const before = rssOf(first.pids.supervisor);
    await pour(control, pieces);
    assert.ok(rssOf(first.pids.supervisor) < before + 60, 'far less than what was sent');
    await isUnharmed();
  });

test('N-18 connections that say nothing are closed within 2 s', async () => {
  const silent = Array.from({ length: 100 }, () =>
    connect(control)
      .on('error', () => undefined)
      .resume(),
  );
  await Promise.all(silent.map((one) => once(one, 'close')));
  await isUnharmed();
});

const heads = [
  'GET // HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /__proto__ HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /start HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nnull',
  'POST /start HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\n{"target":"constructor"}',
  'POST /scale HTTP/1.1\r\nHost: a\r\nContent-Length: 34\r\n\r\n{"service":"talker","replicas":1.5}',
  'GET /logs?level=loud HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /events?after=NaN HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /settled?waitMs=-1 HTTP/1.1\r\nHost: a\r\n\r\n',
];
for (const head of heads)
  test(`N-30 ${JSON.stringify(head.split('\r\n\r\n').join(' '))} on the admin socket is refused with words`, async () => {
    const socket = connect(admin).setEncoding('utf8');
    let said = '';
    socket.on('data', (text: string) => {
      said += text;
      if (said.includes('\r\n\r\n{')) socket.end();
    });
    socket.write(head);
    await once(socket, 'close');
    assert.match(said, /^HTTP\/1\.1 4\d\d /);
    assert.doesNotMatch(said, /\n\s+at /, 'no stack');
    await isUnharmed();
  });

test('N-30 200 MB in the body of an admin request are not taken', async () => {
  const before = rssOf(first.pids.supervisor);
  const head = Buffer.from('POST /start HTTP/1.1\r\nHost: a\r\nContent-Length: 209715200\r\n\r\n');
  const written = await pour(admin, [head, ...times(200, mebibyte)]);
  assert.ok(written < 100 * 1_048_576, String(written));
  assert.ok(rssOf(first.pids.supervisor) < before + 60);
  await isUnharmed();
});

test('N-17 another user reaches no socket: the kernel refuses', async (context) => {
  if (process.getuid?.() !== 0) {
    context.skip('only root can be somebody else');
    return;
  }
  const sockets = readdirSync(runDir).filter((name) => name.endsWith('.sock'));
  assert.ok(sockets.length >= 4, sockets.join());
  const code = `const { connect } = require('node:net');
    for (const path of process.argv.slice(1))
      connect(path).on('error', ({ code }) => console.log(code)).on('connect', () => console.log('CONNECTED'));`;
  const paths = sockets.map((name) => join(runDir, name));
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', code];
  const { stdout } = await promisify(execFile)('setpriv', [...asNobody, ...paths]);
  assert.deepEqual(
    stdout.trim().split('\n'),
    sockets.map(() => 'EACCES'),
  );
});

test('N-83 the statistics file cut or overwritten under the supervisor is made anew, and nobody is killed', async () => {
  const path = statisticsPath(runDir);
  truncateSync(path, 100);
  await app.hears('The statistics file was damaged and is made anew');
  writeFileSync(path, Buffer.alloc(4_096, 'x'));
  const damagedAt = Date.now();
  const after = await app.until('beats are seen again', ({ services }) =>
    services.every(({ instances }) =>
      instances.every(
        ({ state, lastHeartbeat }) => state === 'ready' && (lastHeartbeat ?? 0) > damagedAt + 1_200,
      ),
    ),
  );
  assert.equal(pidOf(after, 'talker#1'), pidOf(first, 'talker#1'));
  await isUnharmed();
});

test('N-85 what a service prints is one line in the stream, and brings no control character to a reader', async () => {
  const text = '\u001b[2J\u001b]0;title\u0007 a\rb\u2028c\u0085{"level":50}';
  await app.admin.post('/call', { action: 'talker.say', input: { text: `${text}\n` } });
  await app.hears('title');
  const said = app.said.split('\n').filter((line) => line.includes('title'));
  assert.equal(said.length, 1);
  assert.doesNotMatch(said[0] ?? '', /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  assert.equal((JSON.parse(said[0] ?? '{}') as { message: string }).message, text);
});
