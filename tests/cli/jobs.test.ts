/** `tutti jobs` against one app that runs: each deed for success and for its main errors. Each test has a queue of its own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { AdminClient } from '../../src/cli/admin-client.ts';
import type { JobDetail, JobListView, JobStateName, QueueView } from '../../src/core/job-view.ts';
import type { AppStatus } from '../../src/core/status.ts';
import { runDirectory, socketPath } from '../../src/os/directories.ts';
import { fixture } from '../journeys/command.ts';
import { command, CommandWorld } from './command-world.ts';
import type { Ended, Started } from './command-world.ts';
import { left, onTerminal, skip } from './on-terminal.ts';

const works = fixture('jobs/tutti.ts');
const world = new CommandWorld();
const runDir = runDirectory(works, { XDG_RUNTIME_DIR: world.folder, tmp: world.folder, uid: 0 });
const admin = new AdminClient(socketPath(runDir, 'admin'));

const run = (...args: string[]): Promise<Ended> => world.run(['jobs', ...args, '--app', works]);
const ok = (...args: string[]): Promise<string> => world.ok('jobs', ...args, '--app', works);

/** What it says, and that it has failed with that. */
async function refused(code: number, ...args: string[]): Promise<string> {
  const ended = await run(...args);
  assert.deepEqual([ended.code, ended.out], [code, ''], ended.err);
  return ended.err;
}

const add = (queue: string, input: object, more: object = {}): Promise<{ id: string; added: boolean }> =>
  admin.post('/jobs/add', { queue, input, ...more });

async function until(queue: string, id: string, state: JobStateName): Promise<JobDetail> {
  for (;;) {
    const job = await admin.get<JobDetail>(`/jobs/job?queue=${queue}&id=${id}`);
    if (job.state === state) return job;
    await pause(20);
  }
}

async function untilNamed(queue: string, id: string): Promise<JobDetail> {
  return until(queue, encodeURIComponent(id), 'failed');
}

before(async () => {
  const env = { HEARD: join(world.folder, 'heard'), PORT: '0' };
  const { code, err } = await world.run(['start', works, '-d'], { env });
  assert.equal(code, 0, err);
});
after(async () => {
  admin.close();
  await world[Symbol.asyncDispose]();
});

test('a job is added, held against the schema before it is stored, and shown with all that is known of it', async () => {
  assert.equal(await ok('add', 'hardy', '{"number":7,"how":"steps"}'), 'Job 1 was added to hardy\n');
  await until('hardy', '1', 'done');
  const shown = await ok('show', 'hardy', '1');
  assert.match(
    shown,
    /^job {7}1 of hardy\nstate {5}done, begun 1 time\npriority {2}5\nadded {5}[\d:.]+\nstarted {3}[\d:.]+\nended {5}[\d:.]+, after [\d.]+ m?s\nrequest {3}[0-9a-f]{32}\nprogress {2}\{"step":3\}\ninput\n {2}\{\n {4}"number": 7,\n {4}"how": "steps"\n {2}\}\nresult\n {2}\{\n {4}"number": 14\n {2}\}\nlog\n {2}[\d:.]+ {2}step 1\n/,
  );
  const job = JSON.parse(await ok('show', 'hardy', '1', '--json')) as JobDetail;
  assert.deepEqual([job.result, job.log.map(({ text }) => text).at(-1)], [{ number: 14 }, 'step 3']);

  assert.match(
    await refused(2, 'add', 'work', '{"number":"x"}'),
    /The input does not fit the schema of the queue work:\n {2}number: .*expected number, received string/,
  );
  assert.match(await refused(2, 'add', 'work', '{number:1}'), /is not JSON[^]*Quote it for the shell/);
  assert.match(await refused(2, 'add', 'work', '{"number":1}', '--job-id', '12'), /jobId is not all digits/);
  assert.match(await refused(1, 'add', 'wrk', '{}'), /There is no queue wrk; did you mean "work"\?/);
  assert.match(await refused(1, 'show', 'work', 'x'), /Job x of work not found/);
});

test('a job with a name is added once; one that waits for its time can be begun before it, or forgotten', async () => {
  const named = [
    'add',
    'hardy',
    '{"number":1}',
    '--job-id',
    'a\u001b[2J',
    '--delay',
    '1h',
    '--priority',
    '9',
  ];
  assert.equal(await ok(...named), 'Job a\\u001b[2J was added to hardy\n');
  assert.equal(await ok(...named), 'Nothing was added: hardy has a job a\\u001b[2J already\n');
  assert.deepEqual(JSON.parse(await ok(...named, '--json')), { id: 'a\u001b[2J', added: false });
  assert.match(
    await ok('list', 'hardy', '--state', 'pending'),
    /^ID .*\na\\u001b\[2J +delayed +0 +9 +[\d:]+ +\{"number":1\} +due in 59m \d\ds\n$/,
  );
  const { id } = await add('hardy', { number: 2 }, { delayMs: 3_600_000 });
  assert.equal(await ok('promote', 'hardy', id), `Job ${id} of hardy waits for its time no more\n`);
  await until('hardy', id, 'done');
  assert.match(
    await refused(1, 'promote', 'hardy', id),
    new RegExp(`^Job ${id} of hardy is done: only what is delayed can be promoted\n$`),
  );
  assert.equal(await ok('remove', 'hardy', 'a\u001b[2J'), 'Job a\\u001b[2J of hardy is forgotten\n');
});

test('what failed is told with its reason and its stack, and begun once more', async () => {
  const { id } = await add('work', { number: 1, fails: 9 });
  await until('work', id, 'failed');
  const { out, err } = await run('counts', 'work');
  assert.match(
    out,
    /^QUEUE +WAITING +DELAYED +RUNNING +DONE +FAILED +CANCELLED\nwork +0 +0 +0 +\d+ +1 +0\n$/,
  );
  assert.equal(err, 'Why they failed: npx tutti jobs list work --state failed\n');
  assert.match(
    await ok('list', 'work', '--state', 'failed'),
    /failed +3 +5 .*Error: not yet, said at attempt 3/,
  );
  assert.match(
    await ok('dead', 'work'),
    /^\d+ {2}[\d:.]+ {2}\{"number":1,"fails":9\}\n {4}given up after 3 attempts: Error: not yet, said at attempt 3\n$/,
  );
  const shown = await run('show', 'work', id);
  assert.match(shown.out, /\nreason\n {2}Error: not yet, said at attempt 3\n {6}at .*worker\.ts:\d+/);
  assert.match(shown.err, new RegExp(`npx tutti jobs retry work ${id}`));
  assert.equal(await ok('redrive', 'work'), '1 job of work is to be begun once more\n');
  await until('work', id, 'failed');
  assert.match(await ok('retry', 'work', id), /is to be begun once more, with all its attempts/);
  await until('work', id, 'failed');
  assert.equal(await ok('clean', 'work', '--state', 'failed'), '1 job of work, failed, forgotten\n');
  assert.equal(await ok('redrive', 'work'), 'work has no failed jobs\n');
  assert.equal(
    await ok('clean', 'work', '--state', 'done', '--older', '1h'),
    '0 jobs of work, done for 1h 00m or longer, forgotten\n',
  );
  assert.match(await refused(2, 'clean', 'work', '--state', 'pending'), /done, failed or cancelled can be/);
});

test('a running job is cancelled with its reason, and that is final', async () => {
  const { id } = await add('hardy', { number: 1, ms: 20_000 });
  await until('hardy', id, 'running');
  assert.match(await ok('list', 'hardy', '--state', 'running'), /running +1 +5 .* for [\d.]+ m?s\n$/);
  assert.equal(
    await ok('cancel', 'hardy', id, '--reason', 'a mistake'),
    `Job ${id} of hardy was cancelled\n`,
  );
  assert.equal((await until('hardy', id, 'cancelled')).reason, 'a mistake');
  assert.match(
    await refused(1, 'cancel', 'hardy', id),
    /is cancelled: only what is pending or running can be cancelled/,
  );
  assert.deepEqual(JSON.parse((await run('cancel', 'hardy', id, '--json')).out), { changed: false });
});

test('a job is added though the owner of the store has just died', async () => {
  const { services } = await admin.get<AppStatus>('/status');
  const [owner] = services.find(({ name }) => name === 'store:main')?.instances ?? [];
  process.kill(owner?.pid ?? 0, 'SIGKILL');
  const { id } = await add('work', { number: 21 });
  assert.deepEqual((await until('work', id, 'done')).result, { number: 42 });
});

test('a queue that is paused says so, is drained, and goes on; its jobs are listed page by page', async () => {
  assert.match(await ok('pause', 'paced'), /^paced is paused: .*npx tutti jobs resume paced\n$/);
  const { out, err } = await run('add', 'paced', '{"number":0}');
  assert.match(out, /was added to paced/);
  assert.match(err, /It waits: paced is paused\. To go on: npx tutti jobs resume paced/);
  for (const number of [1, 2, 3]) await add('paced', { number });
  const page = await run('list', 'paced', '--state', 'pending', '--limit', '3');
  const [, cursor = ''] =
    /More: npx tutti jobs list paced --state pending --after (\S+)\n$/.exec(page.err) ?? [];
  const rest = ['list', 'paced', '--state', 'pending', '--after', cursor, '--json'];
  const { jobs, next } = JSON.parse(await ok(...rest)) as JobListView;
  assert.deepEqual([jobs.map(({ input }) => input), next], [[{ number: 3 }], null]);
  assert.match(await refused(2, 'list', 'paced', '--after', 'x'), /no `next` of a page of this list/);
  assert.match(await ok(), /^paced +4 +0 +0 +0 +0 +0 {2}paused$/m);
  assert.equal(await ok('drain', 'paced'), '4 jobs of paced that were pending are forgotten\n');
  assert.equal(await ok('drain', 'paced'), 'paced has no pending jobs\n');
  assert.equal(await ok('resume', 'paced'), 'paced goes on\n');
  const { id } = await add('paced', { number: 5 });
  await until('paced', id, 'done');
});

test('watch tells each second how a queue gets done, in a pipe and on JSON, and ends once nothing is open', async () => {
  await admin.post('/jobs/pause', { queue: 'slow' });
  for (let number = 0; number < 16; number += 1) await add('slow', { number, ms: 1_000 });
  const watch = (...more: string[]): Started =>
    world.start(['jobs', 'watch', 'slow', ...more, '--app', works]);
  const [endless, plain, json] = [watch(), watch('--until-empty'), watch('--until-empty', '--json')];
  await Promise.all([endless, plain, json].map((one) => one.printed(/\n/)));
  await admin.post('/jobs/resume', { queue: 'slow' });
  const { code, out, err } = await plain.ended;
  assert.deepEqual([code, err], [0, 'slow has nothing open: 16 jobs done, 0 failed\n']);
  const lines = out.trimEnd().split('\n');
  assert.match(
    lines[0] ?? '',
    /^[\d:.]+ {2}slow {2}waiting 16 {2}delayed 0 {2}running 0 {2}done 0 {2}failed 0 {2}cancelled 0 {2}paused$/,
  );
  assert.match(out, /running 4 .* \d\.\d done a second {2}empty in about [\d.]+ m?s$/m);
  assert.match(lines.at(-1) ?? '', /done 16 .* nothing is open$/);
  assert.equal((await json.ended).code, 0);
  const last = JSON.parse(json.out.trimEnd().split('\n').at(-1) ?? '') as QueueView & { perSecond: number };
  assert.equal(last.counts.done, 16);
  assert.ok(last.perSecond > 0);
  await endless.printed(/nothing is open/);
  endless.child.kill('SIGINT');
  assert.equal((await endless.ended).code, 0);
});

test('who waits for a queue to be empty, and is ended before it is, does not hear that it was', async () => {
  const { id } = await add('hardy', { number: 1 }, { delayMs: 3_600_000 });
  const waiting = world.start(['jobs', 'watch', 'hardy', '--until-empty', '--app', works]);
  await waiting.printed(/delayed 1/);
  waiting.child.kill('SIGINT');
  assert.equal((await waiting.ended).code, 1);
  await admin.post('/jobs/remove', { queue: 'hardy', id });
});

test(
  'watch on a terminal is one screen, which is left as it was once nothing is open',
  { skip },
  async () => {
    const { id } = await add('hardy', { number: 1 }, { delayMs: 3_600_000 });
    const line = `${process.execPath} ${command} jobs watch hardy --until-empty --app ${works}; echo code $?`;
    const screen = onTerminal(world, line);
    await screen.said(/done by worker, 1 ready[^]*WAITING[^]*DELAYED[^]*done a second[^]*q ends/);
    await admin.post('/jobs/remove', { queue: 'hardy', id });
    await screen.said(new RegExp(`${left}hardy has nothing open: \\d+ jobs? done, 0 failed\\s+code 0`));
  },
);

test('schedules are told with when they tick next, and ended by name', async () => {
  assert.equal(await ok('schedules', 'gone'), 'gone has no schedules\n');
  const nightly = ['nightly', { cron: '0 3 * * *', timeZone: 'Europe/Oslo', overlap: 'skip' }, { number: 1 }];
  for (const args of [nightly, ['hourly', { everyMs: 3_600_000 }, { number: 2 }]])
    await admin.post('/call', { action: 'office.schedule', input: { queue: 'gone', args } });
  const lines = (await ok('schedules', 'gone')).trimEnd().split('\n');
  assert.match(lines[0] ?? '', /^SCHEDULE +WHEN +NEXT +LAST +MISSED +OVERLAP +INPUT$/);
  assert.match(lines[1] ?? '', /^hourly +every 1h 00m +.+ never +once +allow +\{"number":2\}$/);
  assert.match(lines[2] ?? '', /^nightly +0 3 \* \* \* Europe\/Oslo +.+ never +once +skip +\{"number":1\}$/);
  assert.equal(
    await ok('unschedule', 'gone', 'nightly'),
    'nightly of gone ticks no more; what it has added stays\n',
  );
  assert.match(await refused(1, 'unschedule', 'gone', 'nightly'), /gone has no schedule nightly/);
  const left = JSON.parse(await ok('schedules', 'gone', '--json')) as { name: string }[];
  assert.deepEqual(
    left.map(({ name }) => name),
    ['hourly'],
  );
});

test('jobs are counted at /metrics, by queue and state', async () => {
  const { services } = await admin.get<AppStatus>('/status');
  const url = services.flatMap(({ urls }) => urls)[0] ?? '';
  const { id } = await add('work', { number: 1 });
  await until('work', id, 'done');
  const scrape = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  let text = await scrape();
  // What the store counts is at the gateway a moment later.
  for (let tries = 0; tries < 200 && !text.includes('tutti_job_runs_total{'); tries += 1) {
    await pause(100);
    text = await scrape();
  }
  for (const line of [
    /^tutti_jobs\{.*queue="work".*state="done".*\} [1-9]/m,
    /^tutti_job_runs_total\{.*queue="work".*end="done".*\} [1-9]/m,
    /^tutti_job_wait_seconds_count\{.*queue="work".*\} [1-9]/m,
    /^tutti_job_run_seconds_count\{.*queue="work".*\} [1-9]/m,
  ])
    assert.match(text, line);
});

test('who names a job, fails one or writes in its log reaches neither the terminal nor the shell of who looks', async () => {
  const id = "x'; touch /tmp/hit; $(id) \u001b[2J\u009b31m\u202e";
  const text = '\u001b]0;hit\u0007\r\nfake  done\u2028\u0085';
  await add('five', { number: 1, how: `hostile ${text}` }, { jobId: id });
  const { state } = await untilNamed('five', id);
  assert.equal(state, 'failed');
  const dash = '--app=/tmp/evil';
  await add('five', { number: 1, how: 'giveUp' }, { jobId: dash });
  await untilNamed('five', dash);
  const asked: string[][] = [
    ['list', 'five'],
    ['list', 'five', '--state', 'failed'],
    ['dead', 'five'],
    ['show', 'five', id],
  ];
  for (const args of [...asked, ['retry', 'five', 'none\u001b[2J']]) {
    const { out, err } = await run(...args);
    assert.doesNotMatch(
      out + err,
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/,
      args.join(' '),
    );
    assert.doesNotMatch(out, /^fake/m);
  }
  const { err } = await run('show', 'five', id);
  assert.match(err, /retry five 'x'\\''; touch \/tmp\/hit; \$\(id\) \\u001b/);
  const shown = await world.run(['jobs', '--app', works, 'show', 'five', '--', dash]);
  assert.match(shown.err, /retry five -- --app=\/tmp\/evil/);
  assert.match((await run('list', 'five', '--state', 'failed')).err, /show five -- --app=/);
});

test('what does not fit together is refused with what would', async () => {
  const lines: [args: string[], words: RegExp][] = [
    [['show', 'work'], /Say of which: npx tutti jobs show <queue> <id>/],
    [['pause', 'work', '1'], /That is more than tutti jobs pause takes: npx tutti jobs pause <queue>/],
    [['drain', 'work', '--state', 'done'], /tutti jobs drain takes no --state/],
    [['show', 'work', '1', '--until-empty'], /tutti jobs show takes no --until-empty/],
    [['list', 'work', '--limit', '251'], /expected a whole number from 1 to 250, got "251"/],
    [['lst'], /Allowed choices are counts, list/],
  ];
  for (const [args, words] of lines) assert.match(await refused(2, ...args), words);
});

test('an added job that nobody can do says why it waits', async () => {
  await world.ok('stop', 'worker', '--app', works);
  const { out, err } = await run('add', 'gone', '{"number":1}');
  assert.match(out, /was added to gone/);
  assert.match(err, /It waits: nobody of worker is ready\. Why: npx tutti why worker/);
  assert.match(await ok('counts', 'gone'), /nobody of worker is ready\n$/);
});
