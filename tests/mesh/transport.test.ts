import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { memoryTransport } from '../../src/mesh/transport/memory.ts';
import { unixTransport } from '../../src/mesh/transport/unix.ts';
import { checkTransport } from '../../src/testing/check-transport.ts';
import type { OpenTransport } from '../../src/testing/check-transport.ts';

function openUnix(): OpenTransport {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-'));
  let count = 0;
  return {
    transport: unixTransport(),
    address: () => join(directory, `s${String((count += 1))}`),
    close: () => {
      rmSync(directory, { recursive: true });
    },
  };
}

function openMemory(): OpenTransport {
  let count = 0;
  return { transport: memoryTransport(), address: () => String((count += 1)), close: () => undefined };
}

checkTransport('unix', openUnix);
checkTransport('memory', openMemory);

test('a unix socket is for its owner alone, and closing the listener leaves the name to a successor', async () => {
  const opened = openUnix();
  const path = opened.address();
  const listener = await opened.transport.listen(path, () => undefined);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await listener.close();
  assert.ok(existsSync(path));
  assert.ok(!existsSync(`${path}~`));
  await opened.close();
});

test('two memory transports are two networks', async () => {
  const listener = await memoryTransport().listen('a', () => undefined);
  await assert.rejects(memoryTransport().connect('a', 100));
  await listener.close();
});
