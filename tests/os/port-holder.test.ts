import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { portHolder } from '../../src/os/port-holder.ts';
import { hasProc } from '../../src/os/proc.ts';

const skip = hasProc ? false : 'there is no /proc here';

for (const host of ['127.0.0.1', '::1'])
  test(`who listens on a port of ${host} is known by pid and by what it calls itself`, { skip }, async () => {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const title = process.title;
    process.title = 'holds a port';
    try {
      assert.deepEqual(portHolder(port), { pid: process.pid, title: 'holds a port' });
    } finally {
      process.title = title;
      server.close();
    }
    await once(server, 'close');
    assert.equal(portHolder(port), undefined);
  });
