/** The number of instances follows the load, and says why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppEvent, EventPage } from '../../src/core/events.ts';
import type { ServiceStatus } from '../../src/core/status.ts';
import { Command, fixture, makeHome } from './command.ts';
import { Load } from './load.ts';
import { slowTest } from '../fuzz/chance.ts';

const app = fixture('scaling/tutti.ts');
/** 120 beats of the app. */
const calmMs = 2_400;

const workerOf = ({ services }: { readonly services: readonly ServiceStatus[] }): ServiceStatus => {
  const found = services.find(({ name }) => name === 'worker');
  assert.ok(found !== undefined);
  return found;
};
const isReadyAs = (count: number) => (status: { readonly services: readonly ServiceStatus[] }) => {
  const { ready, wanted, instances } = workerOf(status);
  return ready === count && wanted === count && instances.length === count;
};

/** So many that there is always one that waits, also where the machine has little left for who asks. */
const clients = 24;

const loadOn = (url: string, path: string, ms: number): Load => {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ ms });
  const ask = (): Promise<Response> => fetch(`${url}/${path}`, { method: 'POST', headers, body });
  return new Load(path === 'compute' ? clients : 6, ask, undefined, 0);
};

async function eventsOf(command: Command): Promise<AppEvent[]> {
  const { events } = await command.admin.get<EventPage>('/events');
  return events.filter((event) => event.type === 'app');
}
const scalings = (events: readonly AppEvent[]): AppEvent[] =>
  events.filter(({ name }) => name === 'service:scaled');

test('instances come with the load and go after it, over the death of the supervisor, and no call is lost', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  const first = await command.ready();
  assert.deepEqual(workerOf(first).range, { min: 1, max: 3 });
  assert.equal(workerOf(first).wanted, 1);
  await using load = loadOn(await command.url(), 'compute', 20);
  const full = await command.until('all that it may have', isReadyAs(3));
  for (const { reason } of scalings(await eventsOf(command)))
    assert.match(reason, /^from \d to \d: (calls wait .+, )?event loops are \d+ % busy$/);

  process.kill(full.pids.supervisor, 'SIGKILL');
  const next = await command.until('a successor', ({ pids }) => pids.supervisor !== full.pids.supervisor);
  assert.ok(isReadyAs(3)(next), JSON.stringify(workerOf(next)));
  const pids = (status: typeof full): unknown => workerOf(status).instances.map(({ pid }) => pid);
  assert.deepEqual(pids(next), pids(full));
  await command.until('it says that it would have more', ({ notes }) =>
    notes.some((note) => note.includes('has as many instances as it may (3), and asks for more')),
  );

  const { failures } = await load.stop();
  assert.deepEqual(failures, []);
  await command.until('one is left', isReadyAs(1));
  const events = await eventsOf(command);
  const replaced = events.findIndex(({ name }) => name === 'supervisor:replaced');
  const after = scalings(events.slice(replaced));
  assert.deepEqual(
    after.map(({ reason }) => reason.replace(/: .*/, '')),
    ['from 3 to 2', 'from 2 to 1'],
  );
  for (const { reason } of after) assert.match(reason, /it was calm for 2\.4 s/);
  const [down, last] = after;
  assert.ok(
    (down?.time ?? 0) - (events[replaced]?.time ?? 0) >= calmMs,
    'a successor has to see a calm first',
  );
  assert.ok((last?.time ?? 0) - (down?.time ?? 0) >= calmMs, 'one at a time');
});

slowTest('calls that wait for their turn bring instances though nobody computes', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  await command.ready();
  await using load = loadOn(await command.url(), 'wait', 50);
  await command.until('more than one', (status) => workerOf(status).ready > 1);
  const [scaled] = scalings(await eventsOf(command));
  assert.match(
    scaled?.reason ?? '',
    /^from 1 to 2: calls wait \S+ m?s for their turn, \d+ % of concurrency is used$/,
  );
  assert.deepEqual((await load.stop()).failures, []);
});

slowTest('a number that a person gave stays, and from it the load decides again', async () => {
  using home = makeHome();
  await using command = new Command(home.folder, ['start', app]);
  await command.ready();
  await command.admin.post('/scale', { service: 'worker', replicas: 2 });
  const byHand = await command.until('two by hand', isReadyAs(2));
  assert.equal(workerOf(byHand).range, undefined);
  assert.ok(byHand.notes.some((note) => note.startsWith('worker is scaled to 2 by hand')));
  // Longer than a calm: by looks of the supervisor, of which each sees a second.
  const { takenAt } = byHand;
  const still = await command.until('a calm is over', (status) => status.takenAt - takenAt > calmMs + 2_000);
  assert.ok(isReadyAs(2)(still));
  await command.admin.post('/scale', { service: 'worker' });
  const given = await command.status();
  assert.equal(workerOf(given).wanted, 2, 'not at once');
  assert.deepEqual(workerOf(given).range, { min: 1, max: 3 });
  await command.until('one is left', isReadyAs(1));
});
