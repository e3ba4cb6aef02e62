/** Who follows a job at a gateway while those who keep and do it die; real processes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sseEvents } from '../services/gateway/sse-events.ts';
import { makeHome, pidOf } from './command.ts';
import { Works } from './works.ts';

test('the owner of the store dies, and who follows a job is told its end by the next one', async () => {
  using home = makeHome();
  await using app = new Works(home.folder, { PORT: '0' });
  const status = await app.ready();
  const id = await app.add({ number: 1, ms: 20_000 }, {}, { queue: 'hardy' });
  await app.begun(id);
  const response = await fetch(`${await app.url()}/jobs/hardy/${id}/progress`);
  const events = sseEvents(response);
  const first = await events.next();
  assert.equal((first.value?.data as { state: string }).state, 'running');
  const owner = pidOf(status, 'store:main#1');
  process.kill(owner, 'SIGKILL');
  await app.until('another owner', (now) => pidOf(now, 'store:main#1') !== owner);
  assert.equal(await app.ask('cancel', [id, 'enough'], { queue: 'hardy' }), true);
  const states: unknown[] = [];
  for await (const { event, data } of events)
    states.push(event === 'message' ? (data as { state: string }).state : event);
  assert.deepEqual(states, ['cancelled', 'end']);
});
