/** Schedules as a service has them, in an app within this process: what is asked for, what it gives, and what is refused. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { startTestApp } from '../../src/testing/index.ts';
import { makeHome } from './command.ts';

type App = Awaited<ReturnType<typeof startTestApp>>;
interface Told {
  readonly name: string;
  readonly nextAt: string;
  readonly lastAt?: string;
}
interface Line {
  readonly what: string;
  readonly id: string;
  readonly requestId?: string;
  readonly at: number;
}

suite('schedules of an app', () => {
  const home = makeHome();
  const heard = `${home.folder}/heard`;
  let app: App;
  before(async () => {
    app = await startTestApp(new URL('../fixtures/jobs/tutti.ts', import.meta.url), {
      env: { HEARD: heard },
      // In the process of a test a store is always in a file.
      processes: process.env['TUTTI_TEST_STORE'] !== undefined,
    });
  });
  after(async () => {
    await app.close();
    home[Symbol.dispose]();
  });

  const ask = (action: string, ...args: unknown[]): Promise<unknown> =>
    app.call(`office.${action}`, { queue: 'work', args });
  const schedules = async (): Promise<Told[]> => (await ask('schedules')) as Told[];

  test('asked for by eight at once it is one, and each of its ticks runs once, not before its time', async () => {
    const input = { number: 7 };
    const options = { everyMs: 1_000, missed: 'all' };
    const asked = Array.from({ length: 8 }, () => ask('schedule', 'beat', options, input));
    const made = (await Promise.all(asked)) as Told[];
    const [first] = made;
    assert.ok(first);
    assert.equal(new Set(made.map(({ nextAt }) => nextAt)).size, 1);
    const ids = [0, 1].map(
      (tick) => `beat:${new Date(Date.parse(first.nextAt) + tick * 1_000).toISOString()}`,
    );
    for (const id of ids) await untilRun(id);
    assert.equal(await ask('unschedule', 'beat'), true);
    assert.equal(await ask('unschedule', 'beat'), false);
    assert.deepEqual(await schedules(), []);
    const runs = lines().filter(({ what }) => what === 'begun');
    assert.deepEqual([...new Set(runs.map(({ id }) => id))].slice(0, 2), ids);
    assert.equal(new Set(runs.map(({ id }) => id)).size, runs.length, 'none runs twice');
    assert.equal(
      new Set(runs.map(({ requestId }) => requestId)).size,
      runs.length,
      'each is a request of its own',
    );
    for (const { id, at } of runs)
      assert.ok(at >= Date.parse(id.slice('beat:'.length)), `${id} ran at ${String(at)}`);
  });

  test('it is told as it was asked for, in the order of names', async () => {
    await ask(
      'schedule',
      'weekly',
      { cron: '0 3 * * 1', timeZone: 'Europe/Oslo', overlap: 'skip' },
      { number: 1 },
    );
    await ask('schedule', 'hourly', { everyMs: 3_600_000, missed: 'skip' }, { number: 2 });
    const [hourly, weekly] = await schedules();
    const { nextAt, ...rest } = weekly ?? { nextAt: '' };
    const day = new Intl.DateTimeFormat('en-GB', {
      timeZone: 'Europe/Oslo',
      weekday: 'short',
      timeStyle: undefined,
      hour: '2-digit',
      minute: '2-digit',
    });
    assert.equal(day.format(new Date(nextAt)), 'Mon 03:00');
    assert.deepEqual(rest, {
      ...{ queue: 'work', name: 'weekly', cron: '0 3 * * 1', timeZone: 'Europe/Oslo' },
      ...{ missed: 'once', overlap: 'skip', input: { number: 1 } },
    });
    assert.equal(hourly?.name, 'hourly');
  });

  const refused: [string, unknown[], RegExp][] = [
    ['a rhythm that is none', ['x', {}, { number: 1 }], /either a cron expression or everyMs/],
    [
      'two rhythms',
      ['x', { cron: '@daily', everyMs: 5_000 }, { number: 1 }],
      /either a cron expression or everyMs/,
    ],
    [
      'an option that nobody reads',
      ['x', { cron: '@daily', timezone: 'Europe/Oslo' }, { number: 1 }],
      /did you mean "timeZone"/,
    ],
    ['no options', ['x', null, { number: 1 }], /Expected options of a schedule, got null/],
    ['too often', ['x', { everyMs: 999 }, { number: 1 }], /everyMs is at least 1000, not 999/],
    [
      'a time zone for nothing',
      ['x', { everyMs: 5_000, timeZone: 'UTC' }, { number: 1 }],
      /timeZone is that of a cron expression/,
    ],
    [
      'a cron expression that is none',
      ['x', { cron: 'daily' }, { number: 1 }],
      /^"daily" is no cron expression/,
    ],
    [
      'a time zone that is none',
      ['x', { cron: '@daily', timeZone: 'Oslo' }, { number: 1 }],
      /no time zone "Oslo"/,
    ],
    [
      'a policy that is none',
      ['x', { cron: '@daily', missed: 'never' }, { number: 1 }],
      /^missed is once or skip or all, not "never"/,
    ],
    [
      'another policy that is none',
      ['x', { cron: '@daily', overlap: 'all' }, { number: 1 }],
      /^overlap is allow or skip, not "all"/,
    ],
    [
      'an input that does not fit',
      ['x', { cron: '@daily' }, { number: 'x' }],
      /does not fit the schema of the queue work/,
    ],
    [
      'no name',
      ['', { cron: '@daily' }, { number: 1 }],
      /^The name of a schedule is a text of 1 to 200 characters/,
    ],
    ['a name that is too long', ['x'.repeat(201), { cron: '@daily' }, { number: 1 }], /1 to 200 characters/],
  ];
  for (const [what, args, message] of refused)
    test(`refused: ${what}`, async () => {
      await assert.rejects(ask('schedule', ...args), { code: 'INVALID_INPUT', message });
    });

  test('refused: an input that is too large for one that is there for ever', async () => {
    const input = { number: 1, how: 'x'.repeat(8_192) };
    await assert.rejects(ask('schedule', 'x', { cron: '@daily' }, input), { code: 'PAYLOAD_TOO_LARGE' });
  });

  function lines(): Line[] {
    const text = readFileSync(heard, 'utf8').split('\n').slice(0, -1);
    return text.map((line) => JSON.parse(line) as Line);
  }

  /** There is nobody to wait for before its tick has come. */
  async function untilRun(id: string): Promise<void> {
    const at = Date.parse(id.slice('beat:'.length));
    while (Date.now() < at + 20_000) {
      try {
        await ask('waitFor', id, { timeoutMs: 20_000 });
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== 'NOT_FOUND') throw error;
        await new Promise((done) => setTimeout(done, 50));
      }
    }
    assert.fail(`${id} did not run: ${JSON.stringify(await schedules())}`);
  }
});
