import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { test } from 'node:test';
import { AcceptGuard } from '../../src/os/accept-guard.ts';

/** A process that may have so many more descriptors, and its guard. */
class Few implements Disposable {
  held = 0;
  readonly told: boolean[] = [];
  readonly guard: AcceptGuard;
  free: number;

  constructor(free: number, limit = 1_024) {
    this.free = free;
    this.guard = new AcceptGuard({
      onChange: (areLeft) => this.told.push(areLeft),
      descriptors: {
        limit: () => limit,
        open: () => {
          if (this.held >= this.free) throw Object.assign(new Error('none is left'), { code: 'EMFILE' });
          return (this.held += 1);
        },
        close: () => {
          this.held -= 1;
        },
      },
    });
  }

  [Symbol.dispose](): void {
    this.guard.close();
  }
}

async function listening(maxConnections?: number): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).end('hello'));
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

/** What a client is told before its connection is closed. */
async function ask(server: Server): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString())).on('error', () => undefined);
  await new Promise((closed) => socket.once('close', closed));
  return heard;
}

test('while none is left connections are closed and counted by listener; when there are enough again all is as before', async () => {
  using few = new Few(100);
  await using http = await listening(50);
  await using mesh = await listening();
  few.guard.watch(http, 'http');
  few.guard.watch(mesh, 'mesh');
  assert.equal(await ask(http), 'hello');
  few.free = few.held;
  few.guard.look();
  assert.equal(few.held, 0, 'the reserve is there for what has to be accepted');
  assert.deepEqual([await ask(http), await ask(http), await ask(mesh)], ['', '', '']);
  assert.deepEqual(few.guard.refused(), { http: 2, mesh: 1 });
  few.free += 1;
  few.guard.look();
  assert.equal(await ask(http), '', 'one alone is not enough to go on');
  few.free = 100;
  few.guard.look();
  few.guard.look();
  assert.deepEqual([await ask(http), await ask(mesh)], ['hello', 'hello']);
  assert.deepEqual([http.maxConnections, few.told], [50, [false, true]]);
  const [family] = few.guard.families();
  assert.deepEqual(
    [family?.name, family?.samples],
    [
      'tutti_accept_failures_total',
      [
        { labels: { listener: 'http' }, value: 3 },
        { labels: { listener: 'mesh' }, value: 1 },
      ],
    ],
  );
});

test('near the limit the connection that takes the last one is noticed at once', async () => {
  using few = new Few(100, 256);
  await using server = await listening();
  few.guard.watch(server, 'http');
  few.free = few.held;
  assert.equal(await ask(server), 'hello');
  assert.deepEqual([await ask(server), few.guard.refused()], ['', { http: 1 }]);
});

test('an accept that fails is counted and ends nobody', async () => {
  using few = new Few(100);
  await using server = await listening();
  few.guard.watch(server, 'http');
  server.emit('error', Object.assign(new Error('accept'), { code: 'EMFILE' }));
  assert.deepEqual([few.guard.refused(), few.told], [{ http: 1 }, [false]]);
  assert.equal(await ask(server), '');
});

test('a server that begins to listen while none is left turns away too, and one that has closed is forgotten', async () => {
  using few = new Few(100);
  few.free = few.held;
  few.guard.look();
  const server = await listening(7);
  few.guard.watch(server, 'late');
  assert.equal(await ask(server), '');
  await new Promise((closed) => server.close(closed));
  few.free = 100;
  few.guard.look();
  assert.equal(server.maxConnections, 0);
});

test('with a real process: its reserve is taken and given back', () => {
  const told: boolean[] = [];
  const guard = new AcceptGuard({ onChange: (areLeft) => told.push(areLeft) });
  guard.look();
  assert.equal(guard.areLeft, true);
  guard.close();
  guard.close();
  assert.deepEqual(told, []);
});
